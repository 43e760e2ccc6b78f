"""The guide's command, as written, on the guide's formats, with the real engines."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from brahma.data import Dataset
from tests.plugins.augment.test_apertium import needs_apertium

COMMAND = "-m brahma.tools.data_augment --input my_data.jsonl --output augmented_data.jsonl"
TECHNIQUES = " --techniques paraphrase,backtranslation"
ASK = "He purchased {} boxes of nuts and usually eats a lot of them each day. How many does he have in total?"


def chat(text: str) -> dict[str, Any]:
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "He usually has a lot."}]
    return {"messages": turns}


def in_folder(folder: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *shlex.split(arguments)], cwd=folder, capture_output=True, text=True, check=False
    )


def write(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "my_data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@needs_apertium
@pytest.mark.slow
@pytest.mark.parametrize(
    "row",
    [{"text": ASK}, {"prompt": ASK, "completion": "He usually has a lot."}, chat(ASK)],
    ids=["text", "completion", "chat"],
)
def test_the_command_of_the_guide(tmp_path: Path, row: dict[str, Any]) -> None:
    rows = [json.loads(json.dumps(row).replace("{}", str(number))) for number in range(12)]
    write(tmp_path, rows)
    done = in_folder(tmp_path, COMMAND + TECHNIQUES)
    assert done.returncode == 0, done.stderr
    written = [json.loads(line) for line in (tmp_path / "augmented_data.jsonl").read_text().splitlines()]
    assert written[:12] == rows
    techniques = [each["meta"]["augment"]["technique"] for each in written[12:]]
    assert set(techniques) == {"paraphrase", "backtranslation"}
    answers = {json.dumps(each.get("messages", [{}])[-1]) for each in written}
    assert len(answers) == 1
    assert len(Dataset.from_file(tmp_path / "augmented_data.jsonl")) == len(written)
    in_folder(tmp_path, f"{COMMAND}{TECHNIQUES} --overwrite")
    again = [json.loads(line) for line in (tmp_path / "augmented_data.jsonl").read_text().splitlines()]
    assert again == written


@needs_apertium
@pytest.mark.slow
def test_a_killed_command_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path, [chat(ASK.format(number)) for number in range(2_000)])
    whole = in_folder(tmp_path, COMMAND.replace("augmented", "whole") + TECHNIQUES)
    assert whole.returncode == 0, whole.stderr
    command = [sys.executable, *shlex.split(COMMAND + TECHNIQUES)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    folder = tmp_path / "augmented_data.jsonl.augment"
    while not list(folder.glob("batch-*.json")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(folder.glob("batch-*.json"))
    assert not (tmp_path / "augmented_data.jsonl").exists()
    resumed = in_folder(tmp_path, COMMAND + TECHNIQUES)
    assert "batches had been done before" in resumed.stdout
    assert (tmp_path / "augmented_data.jsonl").read_bytes() == (tmp_path / "whole_data.jsonl").read_bytes()
    assert not folder.exists()
