import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.cleaning.contract import Rewritten
from brahma.data.cleaning.steps.whitespace import WhitespaceOptions, build


def apply(text: str, **options: object) -> str:
    verdict = build(WhitespaceOptions.model_validate(options))(text)
    return verdict.text if isinstance(verdict, Rewritten) else text


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("a\r\nb\rc", "a\nb\nc", {"line ends mended": 2}),
        ("page\fpage\u2028line", "page\npage\nline", {"line ends mended": 2}),
        ("a\x00b\x7f", "ab", {"control characters removed": 2}),
        ("\x1b[1;31mred\x1b[0m \x1b]0;title\x07x", "red x", {"terminal colours removed": 3}),
        ("b\bbo\bol\bld\bd _\bu", "bold u", {"overstruck characters removed": 5}),
        ("\ufeffin\u00advisi\u200bble\u2060", "invisible", {"invisible characters removed": 4}),
        ("10\u00a0km", "10 km", {"no-break spaces replaced": 1}),
        ("a  \nb\t\n c ", "a\nb\n c", {"lines stripped of blanks": 3}),
        ("a\n\n\n\n\nb", "a\n\n\nb", {"blank lines removed": 2}),
        ("a\n \n \n \n \nb", "a\n\n\nb", {"lines stripped of blanks": 4, "blank lines removed": 2}),
    ],
)
def test_each_disorder_is_mended_and_counted(before: str, after: str, counts: dict[str, int]) -> None:
    assert build(WhitespaceOptions())(before) == Rewritten(after, counts)


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n\tif x:\n\t\treturn  1\n\n\nclass A:\n    pass\n",
        "a\tb\n  indented",
        "全角　空白",
        "👩\u200d🚀 می\u200cخواهم \u200fעברית",
        "ไทย\u200bไทย",
        "a\u202fb",
        "\n",
        "",
    ],
)
def test_what_has_a_meaning_stays(text: str) -> None:
    assert build(WhitespaceOptions())(text) is True


def test_breaks_of_markdown_stay_when_asked_for() -> None:
    text = "one   \ntwo \n  \nthree  \nfour"
    assert apply(text, markdown_breaks=True) == "one  \ntwo\n\nthree  \nfour"


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("control_characters", "a\r\n\x00b"),
        ("invisible", "a\u00adb"),
        ("no_break_spaces", "a\u00a0b"),
        ("trailing_blanks", "a \nb"),
    ],
)
def test_each_part_can_be_switched_off(option: str, text: str) -> None:
    assert apply(text) != text
    assert apply(text, **{option: False}) == text


def test_as_many_blank_lines_stay_as_is_said() -> None:
    assert apply("a\n\n\n\nb", blank_lines=0) == "a\nb"
    assert apply("a\n\n\n\nb", blank_lines=3) == "a\n\n\n\nb"


@given(st.text(alphabet="ab \t\n\r\f\x00\x08\x1b[0m\u200b\u00a0\ufeff", max_size=60))
def test_an_ordered_text_is_left_alone_the_second_time(text: str) -> None:
    once = apply(text)
    assert apply(once) == once


@given(st.text(alphabet="ab \t\n", max_size=60))
def test_only_the_ends_of_lines_and_blank_lines_change_in_plain_text(text: str) -> None:
    kept = [line.rstrip() for line in text.split("\n") if line.strip()]
    assert [line for line in apply(text).split("\n") if line] == kept
