"""Each rule alone, at its border: what it keeps there and drops just past it."""

import pickle
from typing import Any

import pytest

from brahma.core.config.sections import Choice, Section
from brahma.core.errors import ConfigError
from brahma.core.plugins import get_plugins
from brahma.data.cleaning.contract import Dropped, Rewritten, Verdict
from brahma.data.cleaning.steps.quality.options import QualityOptions
from brahma.data.cleaning.steps.quality.step import build

SENTENCES = (
    "The river ran past the old mill that stood at the end of the valley.",
    "Nobody had spoken to the miller for years, and he was content with it.",
    "His daughter kept the books, counted every sack and wrote long letters.",
    "When autumn came, storms tore slates from roofs and emptied the streets.",
    "Below, boats waited until morning because fog hid both banks completely.",
    "Travellers who asked for lodging were given soup, bread and a dry corner.",
)
PROSE = "\n".join(SENTENCES)


def judged(group: str, text: str, **rules: Any) -> Verdict:
    """By these rules of one group and no others."""
    section = QualityOptions.model_fields[group].default
    off = {
        name: None if value is not True else False for name, value in section if _can_be_off(section, name)
    }
    return build(QualityOptions.model_validate({"groups": [group], group: {**off, **rules}}))(text)


def _can_be_off(section: Section, name: str) -> bool:
    value = getattr(section, name)
    return value is True or (
        isinstance(value, int | float) and name not in ("short_line", "allow_no_punctuation")
    )


def reason(verdict: Verdict) -> str | None:
    return verdict.reason if isinstance(verdict, Dropped) else None


@pytest.mark.parametrize(
    ("rules", "kept", "dropped", "why"),
    [
        ({"max_duplicate_paragraphs": 0.5}, "a\n\na", "a\n\na\n\na", "duplicate paragraphs"),
        (
            {"max_duplicate_paragraph_characters": 0.25},
            "a\n\na",
            "aa\n\naa",
            "characters in duplicate paragraphs",
        ),
        ({"max_duplicate_lines": 0.5}, "a\na", "a\na\na", "duplicate lines"),
        ({"max_duplicate_line_characters": 0.34}, "a\na", "aa\naa", "characters in duplicate lines"),
        ({"max_top_2_gram": 0.5}, "a b c x", "a b c a b", "most frequent 2-gram"),
        ({"max_top_3_gram": 0.72}, "a b c x", "a b c", "most frequent 3-gram"),
        ({"max_top_4_gram": 0.9}, "a b c d x", "a b c d", "most frequent 4-gram"),
        (
            {"max_duplicate_5_grams": 0.24},
            "a b c d e x a b c d e",
            "a b c d e a b c d e",
            "duplicate 5-grams",
        ),
        ({"max_duplicate_10_grams": 0.2}, "abcdefghij", " ".join("abcdefghij" * 2), "duplicate 10-grams"),
    ],
)
def test_repetition(rules: dict[str, float], kept: str, dropped: str, why: str) -> None:
    assert judged("gopher_repetition", kept, **rules) is True
    assert reason(judged("gopher_repetition", dropped, **rules)) == f"gopher repetition: {why}"


@pytest.mark.parametrize(
    ("rules", "kept", "dropped", "why"),
    [
        ({"min_words": 2}, "a b .", "a . .", "too few words"),
        ({"max_words": 2}, "a b .", "a b c", "too many words"),
        ({"min_word_length": 2}, "aaa b !", "aa b !!", "words too short on average"),
        ({"max_word_length": 2}, "aaa b !", "aaa bb !", "words too long on average"),
        ({"max_hashes": 0.5}, "a #", "a # #", "many hash signs"),
        ({"max_ellipses": 0.5}, "a …", "a ... …", "many ellipses"),
        ({"max_bullet_lines": 0.5}, "- a\nb", "- a\n • b\nc", "many bullet lines"),
        ({"max_ellipsis_lines": 0.5}, "a...\nb", "a... \nb…\nc", "lines that end in an ellipsis"),
        ({"min_alphabetic_words": 0.5}, "a1 1", "a 1 1", "words without a letter"),
        ({"min_stop_words": 2}, "to be to", "to to Be", "few stop words"),
        ({"min_stop_words": 1, "stop_words": ["und"]}, "und so", "so, and so on", "few stop words"),
    ],
)
def test_quality(rules: dict[str, Any], kept: str, dropped: str, why: str) -> None:
    assert judged("gopher_quality", kept, **rules) is True
    assert reason(judged("gopher_quality", dropped, **rules)) == f"gopher quality: {why}"


@pytest.mark.parametrize(
    ("rules", "kept", "dropped", "why"),
    [
        ({"min_punctuated_lines": 0.5}, "a.\n\nb", "a.\nb\nc", "lines without final punctuation"),
        (
            {"min_punctuated_lines": 0.5, "final_marks": ":"},
            "a:\nb",
            "a.\nb",
            "lines without final punctuation",
        ),
        (
            {"min_punctuated_lines": 0.5, "allow_no_punctuation": True},
            "a\nb",
            "a.\nb\nc",
            "lines without final punctuation",
        ),
        ({"max_short_lines": 0.5, "short_line": 3}, "abc\nabcd", "abc\nabcd\nb", "short lines"),
        ({"max_duplicate_line_characters": 0.5}, "ab\nab", "ab\nab\nab", "characters in duplicate lines"),
        ({"max_line_breaks": 0.5}, "a\nb", "a\nb\nc", "many line breaks"),
    ],
)
def test_fineweb(rules: dict[str, Any], kept: str, dropped: str, why: str) -> None:
    assert judged("fineweb", kept, **rules) is True
    assert reason(judged("fineweb", dropped, **rules)) == f"fineweb: {why}"


@pytest.mark.parametrize(
    ("rules", "text", "left", "counts"),
    [
        ({"remove_citations": True}, "a[1] b[edit] [x] [2024]", "a b [x]", {"citations removed": 3}),
        (
            {"final_punctuation": True},
            "Yes.\nno\nno...\n\nGo!",
            "Yes.\nGo!",
            {"lines without final punctuation removed": 2, "blank lines removed": 1},
        ),
        ({"min_words_per_line": 2}, "a b\na", "a b", {"lines of few words removed": 1}),
        ({"max_word_length": 3}, "abc d\nabcd", "abc d", {"lines with an overlong word removed": 1}),
        ({"javascript": True}, "a\nuse JavaScript", "a", {"lines about JavaScript removed": 1}),
        ({"policies": True}, "a\nCookie policy", "a", {"lines about policies or cookies removed": 1}),
        ({}, " a\nb", "a\nb", {"lines stripped of blanks": 1}),
        ({}, "a\r\nb\n", "a\nb", {"line breaks mended": 1}),
    ],
)
def test_c4_says_what_it_removed(rules: dict[str, Any], text: str, left: str, counts: dict[str, int]) -> None:
    assert judged("c4", text, **rules) == Rewritten(left, counts)


@pytest.mark.parametrize(
    ("rules", "kept", "dropped", "why"),
    [
        ({"min_sentences": 2}, "One. Two.", "One two.", "too few sentences"),
        ({"lorem_ipsum": True}, "lorem, ipsum", "Lorem Ipsum", "lorem ipsum"),
        ({"curly_brackets": True}, "a [b]", "a {b", "curly bracket"),
        ({"final_punctuation": True}, "a.", "a", "no line is left"),
    ],
)
def test_c4_drops(rules: dict[str, Any], kept: str, dropped: str, why: str) -> None:
    assert judged("c4", kept, **rules) is True
    assert reason(judged("c4", dropped, **rules)) == f"c4: {why}"


def test_prose_passes_all_groups() -> None:
    assert build(QualityOptions())(PROSE) is True


def test_a_group_sees_what_the_one_before_left() -> None:
    menu = "\n".join(f"Menu {number}" for number in range(40))
    page = f"{menu}\n{PROSE}"
    step = build(QualityOptions(groups=["c4", "fineweb"]))
    assert step(page) == Rewritten(PROSE, {"lines without final punctuation removed": 40})
    assert reason(build(QualityOptions(groups=["fineweb", "c4"]))(page)) == "fineweb: short lines"


def test_the_figure_and_its_limit_are_in_the_detail() -> None:
    verdict = judged("gopher_quality", "one two three", min_words=50)
    assert verdict == Dropped("gopher quality: too few words", "3, at least 50")


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00", "。", "\ud800", "\u200d", "-" * 10, "\x1c\x85"])
@pytest.mark.parametrize("group", ["gopher_repetition", "gopher_quality", "c4", "fineweb"])
def test_odd_texts_are_judged_by_any_rules(text: str, group: str) -> None:
    for verdict in (build(QualityOptions.model_validate({"groups": [group]}))(text), judged(group, text)):
        assert verdict is True or isinstance(verdict, Dropped | Rewritten)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {"groups": ["c5"]},
            'groups: expected one of "gopher_repetition", "gopher_quality"',
            'give one of "goph',
        ),
        ({"groups": []}, "groups: expected a list", "give a list"),
        ({"gopher_quality": {"min_word": 20}}, "gopher_quality.min_word: unknown key", '"min_words"'),
        ({"fineweb": {"max_short_lines": "0.5"}}, "fineweb.max_short_lines: expected a number", "at least 0"),
    ],
)
def test_wrong_options_are_named_with_what_is_right(options: dict[str, Any], message: str, hint: str) -> None:
    plugins = get_plugins()
    choice = Choice.model_validate({"name": "quality", **options})
    with pytest.raises(ConfigError) as error:
        plugins.options(plugins.find("filter", "quality"), choice)
    assert message in error.value.message
    assert hint in (error.value.hint or "")


def test_the_step_is_found_by_name_and_can_be_sent_to_another_process() -> None:
    step = get_plugins().load("filter", "quality")(QualityOptions())
    assert pickle.loads(pickle.dumps(step))(PROSE) is True
