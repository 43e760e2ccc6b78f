r"""Step `whitespace`: line ends, control and invisible characters, blanks at line ends, runs of blank lines.

Indentation is never touched, nor are tabs, wide blanks (U+3000), or the marks that a script needs: joiners of
Persian, Indic scripts and emoji, and the marks of writing direction.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from brahma.core.config.sections import Section, Whole
from brahma.data.cleaning.contract import Rewritten, TextStep, Verdict

_LINE_END = re.compile("\r\n?|[\v\f\u2028\u2029]")
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)")  # ECMA-48: CSI, OSC
_OVERSTRIKE = re.compile(r"[^\n\x08]\x08")  # how terminals of old printed bold and underlined
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_CONTROL_OR_LINE_END = re.compile("[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")
_INVISIBLE = re.compile(
    # Thai, Lao, Myanmar and Khmer mark the ends of words with U+200B, for they write no blanks
    "[\u00ad\u2060\ufeff\u200b](?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]\u200b)"
)
_NO_BREAK = "\u00a0"
# of Markdown, after text: https://spec.commonmark.org/0.31.2/#hard-line-breaks
_HARD_BREAK = "  "


class WhitespaceOptions(Section):
    """What is put in order."""

    control_characters: bool = True
    r"""Line ends become `\n`; control characters and terminal colours are removed."""
    invisible: bool = True
    """Soft hyphens, byte-order marks and blanks of no width are removed."""
    no_break_spaces: bool = True
    """A no-break space (U+00A0) becomes a plain one."""
    trailing_blanks: bool = True
    """Blanks and tabs at the ends of lines are removed."""
    markdown_breaks: bool = False
    """Two blanks or more at the end of a line with text stay as two: in Markdown they break the line."""
    blank_lines: Whole = 2
    """As many blank lines may follow each other; further ones are removed."""


@dataclass(frozen=True)
class _Tidy:
    """The step.

    Attributes:
        too_many: line ends in a row, of one blank line more than may be.
    """

    options: WhitespaceOptions
    too_many: str

    def __call__(self, text: str) -> Verdict:
        counts: Counter[str] = Counter()
        tidied = self._characters(text, counts)
        if self.options.trailing_blanks:
            tidied = self._line_ends(tidied, counts)
        if self.too_many in tidied:
            shorter = re.sub(f"({self.too_many[1:]})\n+", r"\1", tidied)
            counts["blank lines removed"] = len(tidied) - len(shorter)
            tidied = shorter
        return Rewritten(tidied, counts) if counts else True

    def _characters(self, text: str, counts: Counter[str]) -> str:
        if self.options.control_characters and _CONTROL_OR_LINE_END.search(text):
            text = _replaced(_LINE_END, "\n", text, "line ends mended", counts)
            text = _replaced(_ESCAPE, "", text, "terminal colours removed", counts)
            text = _replaced(_OVERSTRIKE, "", text, "overstruck characters removed", counts)
            text = _replaced(_CONTROL, "", text, "control characters removed", counts)
        if text.isascii():
            return text
        if self.options.invisible:
            text = _replaced(_INVISIBLE, "", text, "invisible characters removed", counts)
        if self.options.no_break_spaces and (found := text.count(_NO_BREAK)):
            counts["no-break spaces replaced"] = found
            text = text.replace(_NO_BREAK, " ")
        return text

    def _line_ends(self, text: str, counts: Counter[str]) -> str:
        if " \n" not in text and "\t\n" not in text and not text.endswith((" ", "\t")):
            return text
        lines = text.split("\n")
        stripped = [line.rstrip(" \t") for line in lines]
        if self.options.markdown_breaks:
            stripped = [_with_break(*pair) for pair in zip(lines, stripped, strict=True)]
        if changed := sum(map(str.__ne__, lines, stripped)):
            counts["lines stripped of blanks"] = changed
        return "\n".join(stripped)


def build(options: WhitespaceOptions) -> TextStep:
    """The step with these options."""
    return _Tidy(options, "\n" * (options.blank_lines + 2))


def _replaced(pattern: re.Pattern[str], new: str, text: str, kind: str, counts: Counter[str]) -> str:
    text, found = pattern.subn(new, text)
    if found:
        counts[kind] = found
    return text


def _with_break(line: str, stripped: str) -> str:
    return stripped + _HARD_BREAK if stripped and line.endswith(_HARD_BREAK) else stripped
