"""Round trips by Apertium: the program as it is, and as it can fail."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from brahma.core.errors import MissingDependencyError
from brahma.data.augmentation.contract import Failed
from brahma.data.augmentation.protection import lost
from brahma_augment.apertium import require, translate
from brahma_augment.backtranslation import ApertiumTrip
from brahma_augment.wordnet import DEFAULT_FOLDER
from tests.plugins.augment.small_wordnet import small_wordnet


def _has(direction: str) -> bool:
    if shutil.which("apertium") is None:
        return False
    done = subprocess.run(["apertium", "-l"], capture_output=True, text=True, check=False)
    return direction in done.stdout.split()


needs_apertium = pytest.mark.skipif(
    not (_has("en-eo") and _has("eo-en") and (DEFAULT_FOLDER / "data.noun").is_file()),
    reason="the Debian packages apertium, apertium-eo-en and wordnet-base are not installed",
)
PROGRAM = """#!/bin/sh
[ "$1" = -l ] && { echo en-xx; echo xx-en; exit; }
echo "$3" >> "$0.calls"
text=$(cat)
case "$text" in
  *HANG*) exec sleep 30 ;;
  *BREAK*) echo "broken pipe in lt-proc" >&2; exit 1 ;;
  *MERGE*) echo "$text" | tr -d '\\n'; exit ;;
esac
[ "$3" = xx-en ] && echo "$text" | sed 's/often/frequently/; s/7/8/; s/home/*domo/' || echo "$text"
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program called apertium; what it is called with stands in `apertium.calls`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "apertium"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return path


def test_without_the_program_its_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="`apertium` is not installed") as error:
        require("en-eo")
    assert "apt install apertium apertium-eo-en" in str(error.value)


@pytest.mark.usefixtures("program")
def test_a_direction_that_is_not_there_is_named_with_its_package() -> None:
    with pytest.raises(MissingDependencyError, match="no direction spa-eng") as error:
        require("spa-eng")
    assert "apertium-eng-spa" in str(error.value)


def test_a_batch_is_one_process_in_each_direction(program: Path, tmp_path: Path) -> None:
    trip = ApertiumTrip(0, ["en-xx"], small_wordnet(tmp_path), timeout=10)
    passages = [f"They often stay at home on day 7 of {number}." for number in range(50)]
    found = trip.variants(passages, 1)
    assert found == [[passage.replace("often", "frequently")] for passage in passages]
    assert program.with_suffix(".calls").read_text().split() == ["en-xx", "xx-en"]


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("word", "reason"),
    [("BREAK", "the translator failed"), ("HANG", "took too long"), ("MERGE", "does not line up")],
)
def test_a_sentence_that_fails_takes_no_other_with_it(word: str, reason: str) -> None:
    sentences = ["They stay.", f"They {word}.", "They go."]
    if word == "MERGE":
        sentences[1] += " \n\n MERGE."  # two paragraphs, which come back as one
    found = translate(sentences, "en-xx", timeout=1.5 if word == "HANG" else 30.0)
    assert (found[0], found[2]) == ("They stay.", "They go.")
    if word != "MERGE":
        assert isinstance(found[1], Failed)
        assert reason in found[1].reason


@pytest.mark.usefixtures("program")
def test_a_passage_with_a_failed_sentence_has_failed(tmp_path: Path) -> None:
    trip = ApertiumTrip(0, ["en-xx"], small_wordnet(tmp_path), timeout=10)
    good, bad = trip.variants(["They often stay.", "They often stay. They often BREAK."], 1)
    assert good == ["They frequently stay."]
    assert bad == Failed("the translator failed", "broken pipe in lt-proc")


@needs_apertium
def test_the_real_program_goes_there_and_back() -> None:
    sentences = [
        "He purchased 3 boxes of nuts with each box containing 15 nuts.",
        "Generate a recipe that utilizes the following ingredients.",
        "In a graveyard near Oslo, there are 20 skeletons.",
        "Use `x = large` and {large}.",
    ]
    trip = ApertiumTrip(1, ["en-eo"], None, timeout=60)
    found = trip.variants(sentences, 1)
    assert all(isinstance(each, list) for each in found)
    assert sum(bool(each) for each in found) >= 2
    for source, outcome in zip(sentences, found, strict=True):
        assert not isinstance(outcome, Failed)
        assert all(lost(source, variant) is None for variant in outcome)
    assert found[3] == []
    assert ApertiumTrip(1, ["en-eo"], None, timeout=60).variants(sentences, 1) == found


@needs_apertium
def test_real_sentences_come_back_one_for_one() -> None:
    sentences = [f"The {number} boats are at sea (with nets); are they?" for number in range(300)]
    there = translate(sentences, "en-eo", timeout=60)
    assert len(there) == 300
    assert all(isinstance(each, str) and str(number) in each for number, each in enumerate(there))
