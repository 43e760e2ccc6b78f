"""What no engine may change in a text: code, addresses, numbers, names, quotations, placeholders, marks."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

Span = tuple[int, int]
"""Start and end, in characters."""

_ALWAYS = re.compile(
    r"""
    ^[ \t]*(?P<fence>```|~~~).*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)   # a block of code, to its end or the text's
  | ^(?:\t|[ ]{4}).*$                                             # a line set in as code
  | ^[ \t]*\|.*$                                                  # a line of a table
  | `[^`\n]+`
  | \$\$.+?\$\$ | \$[^$\s][^$\n]*?[^$\s]\$ (?!\d)                 # mathematics
  | <\|.*?\|> | \{\{.*?\}\} | \{%.*?%\} | </?[A-Za-z][^<>\n]*>    # marks of templates and pages
  | \{[^{}\n]*\} | \[[^\[\]\n]*\] | %\([a-z_]+\)[sdf] | %[sdf]\b  # placeholders
  | (?:https?|ftp|file)://[^\s<>"')\]]+ | \bwww\.[^\s<>"')\]]+
  | [\w.+-]+@[\w-]+\.[\w.-]*\w
  | "[^"\n]{1,300}" | “[^”\n]{1,300}” | «[^»\n]{1,300}»
  | (?<!\w)'[^'\n]{1,80}'(?!\w) | ‘[^’\n]{1,80}’(?!\w)
  | (?<![\w/])(?:[~.]{0,2}/)[\w.-]+(?:/[\w.-]*)*                  # a path
  | \b\w+(?:_\w+)+\b | \b\w+\(\) | \b[a-z]+[A-Z]\w* | (?<!\w)--?[a-z][\w-]+
  | \b\w+\.(?:py|js|txt|md|json|csv|html|com|org|net|c|h)\b
  | [$€£¥]?\d(?:[\d.,:/^\-]*\d)?(?:\s?%|[A-Za-z]+)?               # numbers, sums, dates, 5th, 10cm
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_CAPITALISED = re.compile(r"\b[^\W\d_a-z][\w&]*(?:[’'.-]\w+)*\b")
_STARTS_SENTENCE = re.compile(r"(?:\A|[.?!:;…\n•*–—-]|[.?!][\"”’')\]])\s*[\"“‘'(\[*]*\Z")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LOOKED_BACK = 8  # characters in which the end of the sentence before is looked for


@lru_cache(maxsize=4_096)  # the engines and the checks ask for the same texts
def protected_spans(text: str) -> tuple[Span, ...]:
    """The stretches of a text that must come back as they are; in order, none overlaps another."""
    fixed = [match.span() for match in _ALWAYS.finditer(text)]
    return tuple(_merged(fixed + _names(text)))


def _names(text: str) -> list[Span]:
    """Capitalised words, but for those that only begin a sentence."""
    within: list[Span] = []
    first: list[re.Match[str]] = []
    for match in _CAPITALISED.finditer(text):
        begins = _STARTS_SENTENCE.search(text[max(0, match.start() - _LOOKED_BACK) : match.start()])
        if not begins or _is_name_by_itself(text, match):
            within.append(match.span())
        else:
            first.append(match)
    known = {text[start:end].removesuffix("'s") for start, end in within}
    return within + [match.span() for match in first if match[0].removesuffix("'s") in known]


def _is_name_by_itself(text: str, match: re.Match[str]) -> bool:
    """Whether a word at the start of a sentence is a name: `Ann's`, `Ann Lee`, `NATO`, `Ann is`."""
    word, rest = match[0], text[match.end() : match.end() + 12]
    if _NO_NAME.match(word):
        return False
    if (len(word) > 1 and word.isupper()) or word.endswith(("'s", "’s")):
        return True
    return bool(re.match(r" [A-Z]\w|, [A-Z]\w+,| (?:is|was|has|had|and [A-Z])\b", rest))


_NO_NAME = re.compile(
    r"(?:An?|The|(?:It|That|What|Who|Where|How|There|Here|He|She)(?:['’]s)?|Let['’]s|When|Which|Why|These|Those"
    r"|This|One|If|In|On|At|For|From|With|And|But|Or|So|Then|Each|Every|All|Some|Any|No|Only|After|Before|While"
    r"|Since|As|His|Her|Their|My|Your|Our|Its|Today|Every(?:one|thing)|Someone|Nobody|Nothing)\Z"
)
"""Words that begin sentences and stand before a name or a verb without being names."""


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def lost(source: str, variant: str) -> str | None:
    """The first protected stretch that a variant has not, or has in another place of the order."""
    position = 0
    for start, end in protected_spans(source):
        kept = source[start:end]
        found = variant.find(kept, position)
        if found < 0:
            return kept
        position = found + len(kept)
    return None


def new_number(source: str, variant: str) -> str | None:
    """A number that the variant has and its source has not."""
    more = Counter(_NUMBER.findall(variant)) - Counter(_NUMBER.findall(source))
    return next(iter(more), None)


def has_prose(text: str) -> bool:
    """Whether anything is left to change: three words that are not protected."""
    position, words = 0, 0
    for start, end in [*protected_spans(text), (len(text), len(text))]:
        words += len(re.findall(r"[^\W\d_]{2,}", text[position:start]))
        position = end
    return words >= 3
