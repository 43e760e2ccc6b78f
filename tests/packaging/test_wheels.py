"""The five wheels: each path has one owner, and together, with nothing else of ours, they work."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.packaging.workspace import DISTRIBUTIONS, ROOT, Wheels, source_folder


def files_of(wheel: Path) -> set[str]:
    """What a wheel puts into `brahma/`; it puts nothing elsewhere but its metadata."""
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert all(name.startswith("brahma/") for name in names)
    return names


def run(installed: Path, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A Python that sees the unpacked wheels and the libraries, and nothing of this checkout.

    Without `site` (-S) the links to the editable packages are not followed; plugins are left out.
    """
    environment = {
        "PYTHONPATH": f"{installed}:{sysconfig.get_path('purelib')}",
        "PATH": "/usr/bin:/bin",
        "BRAHMA_PLUGINS": "",
    }
    return subprocess.run(
        [sys.executable, "-S", *args], env=environment, cwd=cwd, capture_output=True, text=True, check=True
    )


def projects() -> dict[str, dict[str, Any]]:
    found = {}
    for name in DISTRIBUTIONS:
        text = (ROOT / "packages" / name / "pyproject.toml").read_text(encoding="utf-8")
        found[name] = tomllib.loads(text)["project"]
    return found


def test_the_wheels_own_disjoint_paths(wheels: Wheels) -> None:
    owners: dict[str, str] = {}
    for name, wheel in wheels.items():
        for path in files_of(wheel):
            assert owners.setdefault(path, name) == name, f"{path} is in {owners[path]} and {name}"


def test_only_core_ships_the_package_itself(wheels: Wheels) -> None:
    assert [name for name, wheel in wheels.items() if "brahma/__init__.py" in files_of(wheel)] == [
        "brahma-core"
    ]


def test_tools_is_shared_so_it_has_no_init(wheels: Wheels) -> None:
    assert not any("brahma/tools/__init__.py" in files_of(wheel) for wheel in wheels.values())


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_wheel_holds_every_source_file(wheels: Wheels, name: str) -> None:
    folder = source_folder(name)
    sources = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files_of(wheels[name]) == sources


def test_every_portion_is_typed(wheels: Wheels) -> None:
    files = set().union(*(files_of(wheel) for wheel in wheels.values()))
    portions = {f"brahma/{name.split('/')[1]}" for name in files if name.count("/") > 1}
    assert {"brahma/core", "brahma/data", "brahma/evaluation", "brahma/train", "brahma/cli"} <= portions
    assert [portion for portion in ("brahma", *portions) if f"{portion}/py.typed" not in files] == []


def test_the_distributions_agree_on_version_licence_and_python() -> None:
    facts = {(each["version"], each["license"], each["requires-python"]) for each in projects().values()}
    assert len(facts) == 1


def test_no_distribution_takes_the_name_that_belongs_to_somebody_else() -> None:
    assert [each["name"] for each in projects().values()] == list(DISTRIBUTIONS)


def test_the_public_names_come_from_the_wheels(installed: Path, tmp_path: Path) -> None:
    code = (
        "import brahma, json\n"
        "from brahma import Dataset, Evaluator, ModelSpec, Trainer\n"
        "from brahma.evaluation import Evaluator as Guide\n"
        "import inspect\n"
        "print(json.dumps([inspect.getfile(each) for each in (brahma, Dataset, Guide, ModelSpec, Trainer)]))"
    )
    files = json.loads(run(installed, "-c", code, cwd=tmp_path).stdout)
    assert [file for file in files if not file.startswith(str(installed))] == []


@pytest.mark.parametrize("module", ["brahma.cli", "brahma.train"])
def test_the_commands_work_from_the_wheels(installed: Path, tmp_path: Path, module: str) -> None:
    assert run(installed, "-m", module, "--help", cwd=tmp_path).stdout.startswith("Usage: ")


def test_the_plugins_of_the_wheels_are_found(installed: Path, tmp_path: Path) -> None:
    output = run(installed, "-m", "brahma.cli", "plugins", "list", cwd=tmp_path)
    assert output.stderr == ""
    assert {"brahma-core", "brahma-data", "brahma-eval", "brahma-train"} <= set(output.stdout.split())
