"""Step `boilerplate`: whole lines that pages repeat around their text are removed, by a list of patterns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brahma.core.config.documents import read_document
from brahma.core.config.sections import Section, Text
from brahma.core.errors import ConfigError
from brahma.data.cleaning.contract import Rewritten, TextStep, Verdict

BUILT_IN = Path(__file__).with_name("boilerplate.yaml")
_LONGEST = 300  # characters; what is longer is a paragraph
_BULLETS = " \t*•|-–#"
_QUOTE = "write it in single quotes: 'page \\d+ of \\d+'; https://docs.python.org/3/library/re.html"


class BoilerplateOptions(Section):
    """Which lines are boilerplate."""

    patterns: Text | None = None
    """YAML file of your own patterns in place of the built-in ones: a list of regular expressions for each
    kind."""


@dataclass(frozen=True)
class _Boilerplate:
    """The step.

    Attributes:
        pattern: matches a line, as `_plain` gives it, that is boilerplate; the matching group is its kind.
    """

    pattern: re.Pattern[str]

    def __call__(self, text: str) -> Verdict:
        counts: Counter[str] = Counter()
        kept = [line for line in text.split("\n") if not self._is_boilerplate(line, counts)]
        return Rewritten("\n".join(kept), counts) if counts else True

    def _is_boilerplate(self, line: str, counts: Counter[str]) -> bool:
        if not line or len(line) > _LONGEST or not (match := self.pattern.fullmatch(_plain(line))):
            return False
        counts[f"{match.lastgroup} lines removed"] += 1
        return True


def build(options: BoilerplateOptions) -> TextStep:
    """The step with these options.

    Raises:
        ConfigError: the file of patterns cannot be read, or is not what it should be.
    """
    path = Path(options.patterns) if options.patterns else BUILT_IN
    return _Boilerplate(re.compile("|".join(_group(*each) for each in read_patterns(path).items())))


def read_patterns(path: Path) -> Mapping[str, Sequence[str]]:
    """Kind -> its patterns.

    Raises:
        ConfigError: the file cannot be read, is no mapping of names to lists, or a pattern is not one.
    """
    document = read_document(path)
    for kind, patterns in document.values.items():
        if not (kind.isidentifier() and isinstance(patterns, list) and patterns):
            raise ConfigError(
                f"{kind}: expected a name (letters, digits, _) with a list of patterns",
                where=document.where((kind,)),
                hint="write it as\n  navigation:\n    - 'skip to content'",
            )
        for number, pattern in enumerate(patterns):
            _check(pattern, document.where((kind, number)))
    return document.values


def _check(pattern: object, where: str) -> None:
    try:
        compiled = re.compile(pattern) if isinstance(pattern, str) else None
    except re.error as error:
        raise ConfigError(
            f"no regular expression: {pattern}", where=where, why=str(error), hint=_QUOTE
        ) from error
    if compiled is None or compiled.fullmatch(""):
        raise ConfigError(
            f"expected a pattern of a line with text, got {pattern!r}", where=where, hint=_QUOTE
        )
    if compiled.groups:
        raise ConfigError(f"the pattern has a group: {pattern}", where=where, hint="write (?:…) for (…)")


def _group(kind: str, patterns: Sequence[str]) -> str:
    return f"(?P<{kind}>{'|'.join(patterns)})"


def _plain(line: str) -> str:
    """The line as patterns see it: lower case, single blanks, nothing around it."""
    return " ".join(line.strip(_BULLETS).lower().split())
