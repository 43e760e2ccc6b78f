"""Light rules of English: phrases that say the same, contractions, clauses that change places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from brahma.data.augmentation.protection import lost
from brahma_augment.synonyms import rows
from brahma_augment.words import Edit

_CONTRACTIONS = (
    (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should) not\b(?= [a-z])", r"\1n't"),
    (r"\bcannot\b(?= [a-z])", "can't"),
    (r"\bwill not\b(?= [a-z])", "won't"),
    (r"\b(it|that|there|he|she|what) is\b(?= (?:a|an|the|not|so|very|always|often|only)\b)", r"\1's"),
    (r"\b(you|we|they) are\b(?= (?:a|an|the|not|so|very|always|often|only|going)\b)", r"\1're"),
    (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)n't\b(?= [a-z])", r"\1 not"),
    (r"\bcan't\b(?= [a-z])", "cannot"),
    (r"\bwon't\b(?= [a-z])", "will not"),
)
_ASKS = re.compile(r"n't\b[^.!]*\?|n't (?:you|he|she|it|we|they|the|this|that|I)\b")
_CLAUSES = re.compile(
    r"(?P<before>\A|(?<=[.?!] ))(?P<conjunction>If|When|Because|Since|Although|After|Before) "
    r"(?P<clause>[^,.?!;:\n]+), (?:then )?(?P<main>[^,.?!;:\n]+)(?P<end>[.?!])(?=\s|\Z)"
)
_PRONOUN = re.compile(
    r"\b(?:he|she|it|they|him|her|his|hers|its|them|their|this|that|these|those|one)\b", re.I
)
_REQUEST = re.compile(r"(?P<verb>[A-Z][a-z]+) [^.?!:;\n]+[^.?!:;\s](?P<end>\.)")
_FEWEST = 3  # words of a clause that may change its place


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = [line.split("\t") for line in rows("phrases.tsv")]
    pairs = [(left, right) for left, right, _ in table]
    pairs += [(right, left) for left, right, ways in table if ways == "both"]
    return tuple((re.compile(rf"(?<![\w'’-]){left}(?![\w'’-])", re.I), right) for left, right in pairs)


@cache
def _verbs() -> dict[str, tuple[str, ...]]:
    table = [line.split("\t") for line in rows("verbs.tsv")]
    return {verb: tuple(others) for verb, *others in table}


def phrase_edits(text: str) -> Iterator[Edit]:
    """Every phrase that has another one."""
    for pattern, other in _phrases():
        for match in pattern.finditer(text):
            yield Edit(*match.span(), other)


def verb_edits(text: str) -> Iterator[Edit]:
    """The verbs that begin a sentence and ask for something, with each of their other words."""
    for match in re.finditer(
        r"(?:\A|(?<=[.?!:] )|(?<=\n))([A-Z][a-z]+)(?= (?:a|an|the|some|two|three|how|what)\b)", text
    ):
        for other in _verbs().get(match[1].lower(), ()):
            yield Edit(*match.span(1), other)


def request_edits(text: str) -> Iterator[list[Edit]]:
    """`Name a river.` becomes `Please name a river.` or `Can you name a river?`; for one sentence alone."""
    match = _REQUEST.fullmatch(text)
    if match is None or match["verb"].lower() not in _verbs():
        return
    verb = match["verb"].lower()
    yield [Edit(*match.span("verb"), f"please {verb}")]
    for beginning in ("can", "could"):
        yield [Edit(*match.span("verb"), f"{beginning} you {verb}"), Edit(*match.span("end"), "?")]


def contraction_edits(text: str) -> Iterator[Edit]:
    """What can be written shorter, or out."""
    for pattern, other in _CONTRACTIONS:
        for match in re.finditer(pattern, text, re.I):
            if not _ASKS.match(text, match.end() - 3) and not _ASKS.search(text, match.start()):
                yield Edit(*match.span(), match.expand(other).lower())


def with_clauses_swapped(text: str) -> str:
    """`If it rains, the road is closed.` becomes `The road is closed if it rains.` where that is safe."""
    swapped = _CLAUSES.sub(_swapped, text)
    return text if lost(text, swapped) else swapped


def _swapped(match: re.Match[str]) -> str:
    clause, main = match["clause"], match["main"]
    short = min(len(clause.split()), len(main.split())) < _FEWEST
    if short or _PRONOUN.search(main) or re.search(r"\b(?:and|or|but)\b", main):
        return match[0]
    return f"{main[0].upper()}{main[1:]} {match['conjunction'].lower()} {clause}{match['end']}"
