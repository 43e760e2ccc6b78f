"""Step `encoding`: Unicode that was decoded wrongly is repaired by ftfy (https://ftfy.readthedocs.io).

Only damage is repaired: mojibake, lone surrogates, letters in pieces (NFC). What ftfy also offers and what
is a matter of taste (straight quotes, wide letters, ligatures, HTML entities) is off unless asked for: it
would alter code, typography and East Asian text that is right as it stands.

ftfy looks at each line by slow rules. Here a line goes to ftfy only if those rules could find anything in it,
which is about one line in ten thousand; the result is the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from brahma.core.config.sections import Section
from brahma.data.cleaning.contract import Rewritten, TextStep, Verdict

if TYPE_CHECKING:
    from ftfy import ExplanationStep, TextFixerConfig

Found = Callable[[str], object]

_SURROGATE = re.compile("[\ud800-\udfff]")
_RULES = "9dcc0f2ac90d9ae3"  # of ftfy's rules for mojibake, for which `_hint` was derived
_KINDS = {"fix_surrogates": "surrogates repaired", "unescape_html": "HTML entities replaced"}
_TASTE = ("fix_latin_ligatures", "fix_character_width", "uncurl_quotes")


class EncodingOptions(Section):
    """What is repaired in the encoding of a text."""

    mojibake: bool = True
    """Text that was decoded in the wrong encoding (`sÃ³` for `só`) is decoded in the right one."""
    normalization: Literal["NFC", "NFKC", "none"] = "NFC"
    """Unicode form: `NFC` joins a letter and its accent; `NFKC` also changes meaning (`10³` becomes `103`);
    `none` leaves every character as it is, which string literals of programs may need."""
    html_entities: bool = False
    """`&eacute;` becomes `é` in lines without a `<`."""
    ligatures: bool = False
    """`ﬁ` becomes `fi`."""
    width: bool = False
    """Letters of full width and katakana of half width become those of normal width."""
    straight_quotes: bool = False
    """Curly quotation marks become straight ones."""


@dataclass(frozen=True)
class _Repair:
    """The step: which lines could change, and ftfy's settings for those."""

    config: TextFixerConfig
    suspicious: Found

    def __call__(self, text: str) -> Verdict:
        if not self.suspicious(text):
            return True
        counts: Counter[str] = Counter()
        lines = text.split("\n")
        for number, line in enumerate(lines):
            segment = line if number + 1 == len(lines) else f"{line}\n"  # as ftfy cuts a text
            if self.suspicious(segment):
                lines[number] = self._repaired(segment, counts).removesuffix("\n")
        return Rewritten("\n".join(lines), counts) if counts else True

    def _repaired(self, line: str, counts: Counter[str]) -> str:
        """The line as ftfy leaves it; counted once for each kind of damage that was found."""
        from ftfy import fix_and_explain

        size = self.config.max_decode_length
        pieces = [fix_and_explain(line[at : at + size], self.config) for at in range(0, len(line), size)]
        repaired = "".join(piece.text for piece in pieces)
        if repaired != line:
            counts.update({_kind(step) for piece in pieces for step in piece.explanation or ()})
        return repaired


def build(options: EncodingOptions) -> TextStep:
    """The step with these options."""
    config = ftfy_settings(options)
    return _Repair(config, _suspicion(config))


def ftfy_settings(options: EncodingOptions) -> TextFixerConfig:
    """What ftfy is asked for. Line breaks and control characters are the step `whitespace`'s."""
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html="auto" if options.html_entities else False,
        remove_terminal_escapes=False,
        fix_encoding=options.mojibake,
        fix_c1_controls=options.mojibake,
        fix_latin_ligatures=options.ligatures,
        fix_character_width=options.width,
        uncurl_quotes=options.straight_quotes,
        fix_line_breaks=False,
        fix_surrogates=True,
        remove_control_chars=False,
        normalization=None if options.normalization == "none" else options.normalization,
    )


def _suspicion(config: TextFixerConfig) -> Found:
    """Whether ftfy could change a text; it may be wrong only by saying yes."""
    has_mojibake = _hint() if config.fix_encoding else None
    form, entities = config.normalization, config.unescape_html
    taste = any(getattr(config, name) for name in _TASTE)

    def suspicious(text: str) -> bool:
        if entities and "&" in text:
            return True
        if text.isascii():
            return False
        return bool(
            taste
            or (has_mojibake and has_mojibake(text))
            or (form and not unicodedata.is_normalized(form, text))
            or _SURROGATE.search(text)
        )

    return suspicious


@cache
def _hint() -> Found:
    """Something that every text with mojibake by ftfy's rules has, and few others; quick to look for.

    Each of those rules wants a C1 control character, or two characters outside ASCII in a row of which the
    second is no Greek or Cyrillic letter, or one of the few sequences that are spelt out. With other rules
    than these (another ftfy) the rules themselves are looked for, at a quarter of the speed.
    """
    from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES

    if sha256(BADNESS_RE.pattern.encode()).hexdigest()[:16] != _RULES:
        return BADNESS_RE.search
    letters = ("lower_common", "upper_common")
    second = "".join(chars for name, chars in MOJIBAKE_CATEGORIES.items() if name not in letters)
    return re.compile(f"[\x80-\x9f]|[^\x00-\x7f][{second}ŸŠŽšž]|[Œœ][^A-Za-z]|[ÂÃ] |вЂ|ГўВЂВ").search


def _kind(step: ExplanationStep) -> str:
    if step.action == "normalize":
        return f"brought to {step.parameter}"
    if step.parameter in _TASTE:
        return f"{step.parameter.removeprefix('fix_').replace('_', ' ')} replaced"
    return _KINDS.get(step.parameter, "mojibake repaired")
