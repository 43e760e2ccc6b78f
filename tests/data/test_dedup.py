import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from brahma.core.errors import ConfigError, DataError
from brahma.data import dedup
from brahma.data.commands.dedup import dedup as command

LONG = " ".join(f"word{number}" for number in range(60))
NEARLY = f"{LONG} and an end"
PARAGRAPH = (
    "This notice stands below every page of the handbook. It is longer than a hundred characters, as is seen."
)
FIRST, SECOND = (" ".join(f"{page}{number}" for number in range(30)) for page in ("first", "second"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = {
        "a.jsonl": [LONG, "one document", f"{PARAGRAPH}\n\n{FIRST}"],
        "b.jsonl": ["one document", NEARLY, f"{SECOND}\n\n{PARAGRAPH}", "last"],
    }
    (tmp_path / "in").mkdir()
    for name, texts in rows.items():
        lines = [json.dumps({"text": text, "id": text[:3]}) + "\n" for text in texts]
        (tmp_path / "in" / name).write_text("".join(lines))
    return tmp_path / "in"


def _unfolded(output: str) -> str:
    return " ".join(output.split())


def texts(folder: Path) -> list[str]:
    lines = "".join((folder / name).read_text() for name in ("a.jsonl", "b.jsonl")).splitlines()
    return [json.loads(line)["text"] for line in lines]


def test_exact_and_near_duplicates_go_across_all_files_and_the_rest_is_as_it_was(corpus: Path) -> None:
    before = texts(corpus)
    report = dedup(corpus, corpus.parent / "out")
    assert report is not None
    assert texts(corpus.parent / "out") == [before[1], before[2], NEARLY, before[5], "last"]


def test_only_what_is_named_is_searched(corpus: Path) -> None:
    before = texts(corpus)
    dedup(corpus, corpus.parent / "exact", find=["exact"])
    assert texts(corpus.parent / "exact") == [*before[:3], *before[4:]]
    dedup(corpus, corpus.parent / "paragraphs", find=["paragraphs"])
    assert texts(corpus.parent / "paragraphs") == [*before[:5], SECOND, "last"]


def test_the_command_says_what_went_and_which_one_stays(corpus: Path) -> None:
    result = CliRunner().invoke(
        command, [str(corpus), "--output", str(corpus.parent / "out"), "--workers", "1"]
    )
    assert result.exit_code == 0, result.output
    assert "exact duplicate" in result.output
    assert f"{corpus}/b.jsonl:1 (of {corpus}/a.jsonl:2)" in _unfolded(result.output)
    assert f"(of {corpus}/b.jsonl:2, kept as the longest of 2)" in _unfolded(result.output)
    assert not (corpus.parent / "out.cleaning").exists()


def test_a_report_alone_writes_nothing(corpus: Path) -> None:
    result = CliRunner().invoke(command, [str(corpus), "--near", "--report-only", "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert "near-duplicate" in result.output
    assert [path.name for path in corpus.parent.iterdir()] == ["in"]


def test_nothing_to_find_is_an_error(corpus: Path) -> None:
    with pytest.raises(ConfigError, match="names no duplicates"):
        dedup(corpus, corpus.parent / "out", find=[])
    with pytest.raises(ConfigError, match="names no duplicates"):
        dedup(corpus, corpus.parent / "out", find=["nears"])  # type: ignore[list-item]


def test_without_an_output_nothing_is_done(corpus: Path) -> None:
    with pytest.raises(DataError, match="no output is named"):
        dedup(corpus)
