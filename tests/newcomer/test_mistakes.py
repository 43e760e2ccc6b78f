"""Each mistake of a newcomer is answered with its place, its cause, the next step and an exit status."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

import brahma
from brahma.cli.main import command_line
from brahma.core.console import run_command
from brahma.core.errors import EXIT_USER_ERROR, BrahmaError
from tests.newcomer.command_mistakes import COMMAND_MISTAKES
from tests.newcomer.config_mistakes import CONFIG_MISTAKES
from tests.newcomer.data_mistakes import DATA_MISTAKES
from tests.newcomer.data_tool_mistakes import DATA_TOOL_MISTAKES
from tests.newcomer.mistake import FILES, Files, Mistake
from tests.newcomer.sdk_mistakes import SDK_MISTAKES, SdkMistake

MISTAKES = [*COMMAND_MISTAKES, *CONFIG_MISTAKES, *DATA_MISTAKES, *DATA_TOOL_MISTAKES]


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good data, a good configuration and a finished run."""
    folder = tmp_path_factory.mktemp("newcomer")
    write(folder, FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("train --config ok.json --set run_name=one") == 0
    return folder


def run(arguments: str) -> int:
    return run_command(command_line(), program="brahma", args=shlex.split(arguments))


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_answered(
    mistake: Mistake,
    workplace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(workplace, tmp_path, dirs_exist_ok=True)
    write(tmp_path, mistake.files)
    monkeypatch.chdir(tmp_path)
    status = run(mistake.command)
    said = capsys.readouterr().err
    message, _, hint = said[said.index("error:") :].partition("hint:")
    assert "Traceback" not in said
    assert (mistake.place in message, mistake.cause in message, mistake.next_step in hint) == (True,) * 3, (
        said
    )
    assert status == EXIT_USER_ERROR


@pytest.mark.parametrize("mistake", SDK_MISTAKES, ids=str)
def test_a_mistake_in_a_script_is_answered(
    mistake: SdkMistake, workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(workplace, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = {name: getattr(brahma, name) for name in ("Dataset", "Evaluator", "ModelSpec", "Run", "Trainer")}
    with pytest.raises(BrahmaError) as caught:
        eval(mistake.line, names)
    *before, hint = mistake.says
    message, _, said = str(caught.value).partition("hint:")
    assert all(piece in message for piece in before), message
    assert hint in said


def test_the_table_is_long_and_names_each_mistake_once() -> None:
    assert len(MISTAKES) >= 40
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
    assert all(mistake.place and mistake.cause and mistake.next_step for mistake in MISTAKES)
