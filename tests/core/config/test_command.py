from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import Any

import pytest
from click.testing import CliRunner

from brahma.core.commands.config import check
from brahma.core.commands.config_explain import explain
from brahma.core.config import resolve_config
from brahma.core.config.outline import outline
from brahma.core.errors import ConfigError


@pytest.fixture
def on_disk(write: Any, smallest: dict[str, Any]) -> dict[str, Any]:
    """The smallest configuration, whose data is there."""
    return smallest | {"data_config": {"train": str(write("my.jsonl", '{"text": "a"}\n'))}}


def test_check_prints_what_is_not_a_default_and_its_origin(write: Any, on_disk: dict[str, Any]) -> None:
    path = write("a.json", on_disk | {"training_config": {"learning_rate": 1e-5}})
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
        ("brahma.core.commands.config_explain", {"torch", "transformers", "pydantic"}),
        ("brahma.core.commands.config_schema", {"torch", "transformers", "pydantic"}),
    ],
)
def test_importing_stays_light(module: str, absent: set[str]) -> None:
    code = f"import sys, {module}; print(*sorted({absent!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == ""


def run_in_terminal(columns: int, *args: str, **environment: str) -> str:
    """What a terminal of so many columns shows, without the carriage returns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environment}
    code = "import sys; from brahma.cli.main import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, *args], stdout=child, stderr=child, env=variables
    ) as run:
        os.close(child)
        shown = b""
        while chunk := _read(parent):
            shown += chunk
    os.close(parent)
    assert run.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so at the end of a terminal
        return b""


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("command", ["check", "explain"])
def test_every_line_fits_the_terminal(
    write: Any, on_disk: dict[str, Any], command: str, columns: int
) -> None:
    on_disk["training_config"] = {"learning_rate": 1e-5, "schedule": {"name": "cosine", "min_ratio": 0.1}}
    path = write("a.json", on_disk)
    options = ("--all",) if command == "explain" else ()
    shown = run_in_terminal(columns, "config", command, str(path), *options, NO_COLOR="1")
    assert "\x1b" not in shown
    assert "training_config\n" in shown
    too_long = [line for line in shown.splitlines() if len(line) > columns and str(path.parent) not in line]
    assert too_long == []


@pytest.mark.parametrize("length", [100, 120, 140])
def test_a_long_value_leaves_its_description_room(write: Any, on_disk: dict[str, Any], length: int) -> None:
    on_disk["tokenizer"] = "owner/" + length * "a"
    shown = run_in_terminal(
        200, "config", "explain", str(write("a.json", on_disk)), "tokenizer", NO_COLOR="1"
    )
    assert max(map(len, shown.splitlines())) <= 200


def test_a_terminal_gets_colour_and_a_pipe_gets_lines(write: Any, smallest: dict[str, Any]) -> None:
    path = write("a.json", smallest)
    assert "\x1b[1m" in run_in_terminal(80, "config", "explain", str(path))
    piped = CliRunner().invoke(explain, [str(path), "--all"]).stdout
    assert "\x1b" not in piped
    assert all(line.split()[0].replace("_", "").replace(".", "").isalnum() for line in piped.splitlines())
    assert any(line.startswith("training_config.lr ") for line in piped.splitlines())


def test_explain_shows_what_is_given_and_what_follows(write: Any, smallest: dict[str, Any]) -> None:
    path = str(write("a.json", smallest))
    short, whole = (CliRunner().invoke(explain, [path, *flags]).stdout for flags in ([], ["--all"]))
    keys = [line.split()[0] for line in short.splitlines()]
    assert {"model_config.preset", "model_config.hidden_size", "data_config.train"} <= set(keys)
    assert "training_config.lr" not in keys
    assert len(whole.splitlines()) > 60
    assert "lora_config.r" not in whole


def test_explain_shows_one_key_in_full(write: Any, smallest: dict[str, Any]) -> None:
    path = str(write("a.json", smallest))
    shown = CliRunner().invoke(explain, [path, "optimizer"]).stdout
    for text in (
        "training_config.optimizer\n",
        'default  "adamw"',
        "also     training_config.optim",
        '"muon"',
    ):
        assert text in shown
    assert "  ns_steps  a whole number of at least 1 and of at most 20, by default 5. " in shown


def test_explain_tells_other_programs(write: Any, smallest: dict[str, Any]) -> None:
    path = str(write("a.json", smallest))
    rows = json.loads(CliRunner().invoke(explain, [path, "training_config", "run_name", "--json"]).stdout)
    found = {row["key"]: row for row in rows}
    assert found["training_config.lr"]["value"] == 3e-4
    assert found["training_config.lr"]["aliases"] == ["training_config.learning_rate"]
    assert "adamw" in [each["name"] for each in found["training_config.optimizer"]["choices"]]
    assert rows[-1]["key"] == "run_name"


def test_explain_refuses_an_unknown_key_and_a_bad_file(write: Any, smallest: dict[str, Any]) -> None:
    good, bad = write("a.json", smallest), write("b.json", {"lr": 1})
    for arguments in ([str(good), "learnig_rate"], [str(bad)]):
        error = CliRunner().invoke(explain, arguments).exception
        assert isinstance(error, ConfigError)


_TUNED: dict[str, Any] = {"model_config": {"base_model": "a/b"}, "tokenizer": None}


@pytest.mark.parametrize(
    ("changes", "label", "text"),
    [
        ({}, "model", "new, micro: 8 layers, hidden 512, "),
        ({}, "memory", "478 MB of weights and optimizer; activations and torch come on top"),
        ({"training_config": {"optimizer": "muon"}}, "memory", "359 MB of weights"),
        ({"model_config": {"preset": "large"}}, "memory", "204.4 GB of weights"),
        ({}, "tokenizer", "trained on the data: 8,192 ids"),
        ({"tokenizer": "a/b"}, "tokenizer", "a/b"),
        (_TUNED, "model", "all weights of a/b"),
        (_TUNED | {"training_config": {"freeze": "norms"}}, "model", "some weights of a/b"),
        (_TUNED | {"lora_config": {"r": 8}}, "model", "LoRA adapters of rank 8 on a/b"),
        (_TUNED | {"lora_config": {"dora": True}}, "model", "DoRA adapters of rank 16 on a/b"),
        (_TUNED | {"lora_config": {"adapter": "/c"}}, "model", "the adapter /c on a/b"),
        (
            _TUNED | {"lora_config": {}, "quantization": {"bits": 4}},
            "model",
            "LoRA adapters of rank 16 on a/b in 4 bits",
        ),
        (_TUNED, "tokenizer", "the base model's own"),
        ({}, "data", "/data/my.jsonl; no validation data"),
        ({"data_config": {"train": ["/a", "/b"], "validation": 0.01}}, "data", "/a, /b; 1 % of it held out"),
        ({"data_config": {"train": "/a", "validation": "/b"}}, "data", "/a; scored on /b"),
        ({"data_config": {"train": "/a", "validation": ["/b", "/c"]}}, "data", "/a; scored on /b, /c"),
        ({}, "step", "8 packs of 1,024 tokens on each process: up to 8,192 tokens"),
        ({"training_config": {"global_batch_size": 8}}, "step", "8 packs of 1,024 tokens over all processes"),
        ({}, "run", "1 epoch; adamw, lr 0.0003, linear"),
        (
            {"training_config": {"max_steps": 9, "warmup_steps": 2}},
            "run",
            "9 steps; adamw, lr 0.0003, linear aft",
        ),
        ({"training_config": {"max_minutes": 1.5}}, "run", "1.5 minutes; "),
    ],
)
def test_a_configuration_comes_to_a_few_lines(
    smallest: dict[str, Any], changes: dict[str, Any], label: str, text: str
) -> None:
    assert text in dict(outline(resolve_config(smallest | changes).config))[label]


def test_check_prints_what_a_configuration_comes_to(write: Any, on_disk: dict[str, Any]) -> None:
    lines = CliRunner().invoke(check, [str(write("a.json", on_disk))]).stdout.splitlines()
    assert [line.split()[0] for line in lines[1:7]] == ["model", "memory", "tokenizer", "data", "step", "run"]


def test_a_key_is_explained_without_a_file() -> None:
    result = CliRunner().invoke(explain, ["lr", "training_config.bf16"])
    assert result.exit_code == 0, result.output
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["training_config.lr", "0.0003", "default"],
        ["training_config.bf16", "—", "default"],
    ]
