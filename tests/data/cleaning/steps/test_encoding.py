import ftfy
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES, is_bad
from hypothesis import example, given
from hypothesis import strategies as st

from brahma.data.cleaning.contract import Rewritten
from brahma.data.cleaning.steps.encoding import EncodingOptions, _hint, build, ftfy_settings

# Characters of mojibake (without the ranges among them), letters that look like it, and what parts lines
SUSPICIOUS = (
    "".join(MOJIBAKE_CATEGORIES.values()).replace("-", "")
    + "\x80\x85\x9f\ud83d\ude00e\u0301ÅÄöñЖвЂГўβ日本 \n\taZ1.?&;<"
)
texts = st.text(alphabet=st.sampled_from(sorted(set(SUSPICIOUS))), max_size=40)


def apply(text: str, **options: object) -> str:
    verdict = build(EncodingOptions.model_validate(options))(text)
    return verdict.text if isinstance(verdict, Rewritten) else text


@pytest.mark.parametrize(
    ("broken", "right", "counts"),
    [
        ("sÃ³lo", "sólo", {"mojibake repaired": 1}),
        ("first\nâ€œquotedâ€\x9d\nlast", "first\n“quoted”\nlast", {"mojibake repaired": 1}),
        ("cafe\u0301", "café", {"brought to NFC": 1}),
        ("\ud83d\ude00", "😀", {"surrogates repaired": 1}),
        ("Ð¿Ñ\x80Ð¸Ð²ÐµÑ\x82", "привет", {"mojibake repaired": 1}),
    ],
)
def test_damage_is_repaired_and_counted_by_lines(broken: str, right: str, counts: dict[str, int]) -> None:
    assert build(EncodingOptions())(broken) == Rewritten(right, counts)


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII\n\tx = a & b; // &amp; <b>",
        "“curly” ‘quotes’ – and … dashes",
        "ＷＩＤＥ　ﾊﾝｶｸ",
        "ﬁne ﬂy",
        "日本語の文章。中文，标点",
        "Größe, déjà vu, naïve, Łódź, Ångström, ½ × 3 µm ± 5°",
        "Привет, мир «в кавычках»",
        "┌──┐\n│ x│\n└──┘",
        "سلام دنیا",
        "",
    ],
)
def test_text_that_is_right_as_it_stands_is_left_alone(text: str) -> None:
    assert build(EncodingOptions())(text) is True


@pytest.mark.parametrize(
    ("options", "before", "after"),
    [
        ({"mojibake": False}, "sÃ³lo", "sÃ³lo"),
        ({"normalization": "none"}, "e\u0301", "e\u0301"),
        ({"normalization": "NFKC"}, "10³", "103"),
        ({"html_entities": True}, "caf&eacute;\n<b>&amp;</b>", "café\n<b>&amp;</b>"),
        ({"ligatures": True}, "ﬁne", "fine"),
        ({"width": True}, "ＷＩＤＥ", "WIDE"),
        ({"straight_quotes": True}, "“a”", '"a"'),
    ],
)
def test_each_option_says_what_is_repaired(options: dict[str, object], before: str, after: str) -> None:
    assert apply(before, **options) == after


@given(texts)
@example("œ\n")
@example("a Â »")
@example("x\nÃ la mode")
def test_the_result_is_that_of_ftfy_with_the_same_settings(text: str) -> None:
    assert apply(text) == ftfy.fix_text(text, ftfy_settings(EncodingOptions()))


@given(texts)
def test_every_option_on_gives_what_ftfy_gives(text: str) -> None:
    options = {"ligatures": True, "width": True, "straight_quotes": True, "normalization": "NFKC"}
    settings = ftfy_settings(EncodingOptions.model_validate(options))
    assert apply(text, **options) == ftfy.fix_text(text, settings)


@given(texts)
def test_nothing_that_ftfy_takes_for_mojibake_escapes_the_quick_look(text: str) -> None:
    assert not is_bad(text) or _hint()(text)


def test_the_quick_look_covers_every_pair_of_characters() -> None:
    characters = sorted(set(SUSPICIOUS))
    missed = [a + b for a in characters for b in characters if is_bad(a + b) and not _hint()(a + b)]
    assert missed == []


def test_a_line_longer_than_ftfy_takes_at_once_is_repaired_in_the_same_pieces() -> None:
    text = "é" * 999_990 + " sÃ³lo " * 10
    assert apply(text) == ftfy.fix_text(text, ftfy_settings(EncodingOptions()))


@given(st.text(max_size=60))
def test_a_repaired_text_is_not_repaired_again(text: str) -> None:
    assert apply(apply(text)) == apply(text)
