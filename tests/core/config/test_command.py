from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.commands.config import check
from brahma.core.errors import ConfigError


def test_check_prints_what_is_not_a_default_and_its_origin(write: Any, smallest: dict[str, Any]) -> None:
    smallest["training_config"] = {"learning_rate": 1e-5}
    path = write("a.json", smallest)
    result = CliRunner().invoke(check, [str(path), "--set", "training_config.batch_size=4"])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0][1:3] == ["is", "valid:"]
    assert ["model_config.preset", '"micro"', f"{path}:3"] in lines
    assert ["training_config.lr", "1e-05", "alias", "learning_rate", "at", f"{path}:14"] in lines
    assert ["training_config.batch_size", "4", "--set"] in lines
    assert not any("default" in line[1:] for line in lines[1:])


def test_check_lets_mistakes_through_to_the_command_line(write: Any) -> None:
    result = CliRunner().invoke(check, [str(write("a.json", {"lr": 1}))])
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("brahma.core.errors", {"pydantic", "yaml"}),
        ("brahma.core.config", {"torch", "transformers", "yaml", "numpy"}),
        ("brahma.core.spec", {"torch", "transformers"}),
        ("brahma.core.commands.config", {"torch", "transformers", "pydantic"}),
    ],
)
def test_importing_stays_light(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == ""
