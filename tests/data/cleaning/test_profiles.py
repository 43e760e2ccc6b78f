from pathlib import Path

import pytest
import yaml

from brahma.core.plugins import get_plugins
from brahma.data.cleaning.chain import build_steps
from brahma.data.cleaning.contract import Dropped, Rewritten
from brahma.data.cleaning.profile import load_profile, profile_files

CAREFUL = ["repair", "repair-chat", "repair-code"]
STRONG = ["chat", "code", "docs", "web"]
ORDER = [
    "encoding", "whitespace", "boilerplate", "language", "quality", "personal_data", "contamination",
    "exact_documents", "near_duplicates", "exact_paragraphs",
]  # fmt: skip

TECHNICAL = """open(2) - open and possibly create a file

SYNOPSIS
========

    int open(const char *path, int flags, ... /* mode_t mode */);

  * O_RDONLY   0x0000   read only
  * O_WRONLY   0x0001   write only
  * O_RDWR     0x0002   read and write

The call gives a file descriptor, the lowest number that is not in use:

    if ((fd = open(path, O_RDWR)) == -1) {
        perror("open");
    }
"""


def test_there_are_three_careful_profiles_and_four_strong_ones() -> None:
    assert sorted(profile_files()) == sorted([*CAREFUL, *STRONG])


@pytest.mark.parametrize("name", [*CAREFUL, *STRONG])
def test_a_profile_can_be_built_and_keeps_the_order_of_the_steps(name: str) -> None:
    profile = load_profile(name)
    names = [step.name for step in build_steps(profile)]
    assert names == sorted(names, key=ORDER.index)
    assert profile.summary


@pytest.mark.parametrize("name", CAREFUL)
def test_a_careful_profile_drops_no_document_but_a_duplicate(name: str) -> None:
    names = {step.name for step in load_profile(name).steps}
    assert names <= {"encoding", "whitespace", "personal_data", "exact_documents", "exact_paragraphs"}
    (masking,) = (step for step in load_profile(name).steps if step.name == "personal_data")
    assert masking.options["mode"] == "mask"


@pytest.mark.parametrize("name", ["repair-chat", "repair-code", "chat", "code"])
def test_paragraphs_are_removed_from_running_text_alone(name: str) -> None:
    assert "exact_paragraphs" not in {step.name for step in load_profile(name).steps}


@pytest.mark.parametrize("name", ["repair-code", "code"])
def test_no_character_of_a_program_is_exchanged_for_another_that_looks_the_same(name: str) -> None:
    text = 'A = "e\u0301"  # NFD\nB = "\u200b\u00a0"\ndef sum_of(a, b):\n    return a + b\n'
    assert _through(name, text) == text


def test_technical_text_passes_docs_and_not_web() -> None:
    assert isinstance(_through("web", TECHNICAL), Dropped)
    assert _through("docs", TECHNICAL) == TECHNICAL


@pytest.mark.parametrize("name", ["docs", "chat", "code"])
def test_text_that_repeats_one_thing_without_end_goes(name: str) -> None:
    assert isinstance(_through(name, "I will say it again and again and once more.\n" * 60), Dropped)


@pytest.mark.parametrize("name", [*CAREFUL, *STRONG])
def test_every_step_of_a_profile_has_a_comment(name: str) -> None:
    lines = profile_files()[name].read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {name}: ")
    assert sum("#" in line for line in lines) >= len(load_profile(name).steps)


def test_a_copy_of_a_profile_is_read_as_the_profile(tmp_path: Path) -> None:
    copy = tmp_path / "mine.yaml"
    copy.write_text(profile_files()["docs"].read_text(encoding="utf-8"), encoding="utf-8")
    assert load_profile(copy).steps == load_profile("docs").steps


def test_every_step_that_a_profile_names_is_one_of_ours() -> None:
    known = get_plugins().entries("filter")
    for path in profile_files().values():
        for step in yaml.safe_load(path.read_text(encoding="utf-8"))["steps"]:
            assert (step if isinstance(step, str) else step["name"]) in known


def _through(name: str, text: str) -> str | Dropped:
    """What the text and document steps of a profile make of a text."""
    for step in build_steps(load_profile(name)):
        if step.scope != "corpus":
            verdict = step.target(text)
            if isinstance(verdict, Dropped):
                return verdict
            text = verdict.text if isinstance(verdict, Rewritten) else text
    return text
