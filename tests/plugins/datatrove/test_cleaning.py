"""A cleaning on datatrove's executors: the same documents and report, and no rank that fails unseen."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from brahma.core.errors import DataError
from brahma.data import clean

WORDS = "harbour mill lantern tide gull rope anchor cellar bridge orchard copper willow".split()  # noqa: SIM905


def text(number: int) -> str:
    """A paragraph like no other, with an address in every third."""
    words = " ".join(WORDS[(number * step) % len(WORDS)] + str(number * step) for step in range(1, 60))
    return words + (f" write to keeper{number}@harbour.org" if number % 3 == 0 else "")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Three files; documents that occur twice within a file and across, exactly and nearly."""
    folder = tmp_path / "in"
    folder.mkdir()
    for file in range(3):
        texts = [text(number) for number in range(file * 15, file * 15 + 20)]  # five stand in the next too
        texts += [f"{text(file * 15)} nearly", "Mojibake: donâ€™t."]
        rows = "".join(json.dumps({"text": each, "id": number}) + "\n" for number, each in enumerate(texts))
        (folder / f"part-{file}.jsonl").write_text(rows)
    return folder


def cleaned(corpus: Path, output: Path, executor: str) -> tuple[str, dict[str, object]]:
    """The output, and the report without what depends on the run."""
    options = {"workers": 2} | ({"memory_per_cpu_gb": 0.5} if executor == "ray" else {})
    report = clean(corpus, output, profile="docs", executor=executor, executor_options=options)
    assert report is not None
    told = {key: value for key, value in report.to_dict().items() if key not in ("seconds", "outputs")}
    return output.read_text(), told


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_the_documents_and_the_report_are_those_of_plain_processes(
    executor: str, corpus: Path, tmp_path: Path
):
    plain, report = cleaned(corpus, tmp_path / "plain.jsonl", "processes")
    assert 0 < len(plain.splitlines()) < 66
    assert "<EMAIL>" in plain

    assert cleaned(corpus, tmp_path / "there.jsonl", executor) == (plain, report)
    assert not (tmp_path / "there.jsonl.cleaning").exists()


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_file_that_is_cut_off_fails_the_job_and_says_which(executor: str, corpus: Path, tmp_path: Path):
    rows = "".join(json.dumps({"text": text(number)}) + "\n" for number in range(100, 2000)).encode()
    packed = gzip.compress(rows)
    (corpus / "torn.jsonl.gz").write_bytes(packed[: len(packed) // 2])

    with pytest.raises(DataError, match=r"torn\.jsonl\.gz") as caught:
        cleaned(corpus, tmp_path / "there.jsonl", executor)

    assert "did not finish" in caught.value.message
    assert not (tmp_path / "there.jsonl").exists()
