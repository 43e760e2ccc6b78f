"""What a corpus is like: amounts, lengths, turns, languages, duplicates, its longest rows; in one pass.

Memory does not grow with the corpus: lengths are counted in bins of 2 %, languages and scripts are told from
a sample, and equal rows are found among at most `_DISTINCT` texts, chosen by their hashes when there are
more, so that all rows with one text are either looked at or not.
"""

from __future__ import annotations

import heapq
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from brahma.core.errors import DataError, RowError
from brahma.core.progress import progress
from brahma.core.sizes import size
from brahma.data._sources import expand_sources
from brahma.data.languages import language_of
from brahma.data.layouts import layout_of, texts_of
from brahma.data.readers import TextDocument, read_rows
from brahma.data.rows import BadRow, RawRow, place
from brahma.data.tokenizer import loaded_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from brahma.data.encode import Encoder

_Value = TypeVar("_Value")

BINS = 36
"""Bins for each doubling of a length: 2 % wide."""
_DISTINCT = 500_000
_TOLD = 2_000
"""Rows whose language and scripts are told."""
_LETTERS = 1_000
"""Characters of such a row, from its middle, whose scripts are counted."""
_LONGEST = 5
_NAMED = 5
"""Bad rows that are named."""
_ODD_NAMES = {
    "CJK": "Han", "IDEOGRAPHIC": "Han", "FULLWIDTH": "Latin", "MICRO": "Greek", "MASCULINE": "Latin",
    "FEMININE": "Latin", "HALFWIDTH": "Katakana", "KATAKANA-HIRAGANA": "Katakana",
}  # fmt: skip
"""Scripts of letters whose names do not begin with theirs."""
_LEVEL = 3  # of zstandard, its own default


@dataclass(repr=False)
class Lengths:
    """How long things are, in bins.

    Attributes:
        bins: how many fall into each: lengths from `2 ** (bin / 36)`.
    """

    count: int = 0
    total: int = 0
    least: int = 0
    most: int = 0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, length: int) -> None:
        self.least = min(self.least, length) if self.count else length
        self.most = max(self.most, length)
        self.count += 1
        self.total += length
        self.bins[int(math.log2(max(length, 1)) * BINS)] += 1

    def __repr__(self) -> str:
        middle = f", median {self.percentile(0.5):,}" if self.count else ""
        return f"Lengths({self.count:,}: {self.least:,} to {self.most:,}{middle})"

    def __add__(self, other: Lengths) -> Lengths:
        if not (self.count and other.count):
            return self if self.count else other
        least, most = min(self.least, other.least), max(self.most, other.most)
        return Lengths(
            self.count + other.count, self.total + other.total, least, most, self.bins + other.bins
        )

    def percentile(self, share: float) -> int:
        """The length that this share (0 to 1) does not exceed, to about 1 %; 0 without any."""
        reached = 0
        for number in sorted(self.bins):
            reached += self.bins[number]
            if reached >= share * self.count:
                middle = round(2 ** ((number + 0.5) / BINS))
                return min(max(middle, self.least), self.most)
        return 0

    def to_dict(self) -> dict[str, Any]:
        points = {f"p{round(100 * share)}": self.percentile(share) for share in (0.1, 0.5, 0.9, 0.99)}
        mean = self.total / self.count if self.count else 0.0
        return {"min": self.least, **points, "max": self.most, "mean": mean, "total": self.total}


@dataclass(repr=False)
class SourceStats:
    """One file, or all of them together.

    Attributes:
        bad: rows that cannot be read; `named` holds `(file:line, reason)` of the first.
        bytes, characters, words: of the rows' texts; bytes in UTF-8.
        compressed: bytes of the texts after zstandard.
        lengths: characters of each row.
        tokens: of each row, without special ones; empty without a tokenizer.
        layouts, roles: how many rows, or turns, of each.
        turns: of each conversation.
    """

    path: str
    rows: int = 0
    bad: int = 0
    named: list[tuple[str, str]] = field(default_factory=list)
    bytes: int = 0
    words: int = 0
    compressed: int = 0
    lengths: Lengths = field(default_factory=Lengths)
    tokens: Lengths = field(default_factory=Lengths)
    turns: Lengths = field(default_factory=Lengths)
    layouts: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)

    @property
    def characters(self) -> int:
        return self.lengths.total

    @property
    def ratio(self) -> float:
        """Bytes for each compressed one; running text has about 3, much above that repeats itself."""
        return self.bytes / self.compressed if self.compressed else 0.0

    def __repr__(self) -> str:
        return f"SourceStats({self.path}: {self.rows:,} rows, {size(self.bytes)} of text)"

    def __add__(self, other: SourceStats) -> SourceStats:
        mine, theirs = vars(self), vars(other)
        added = {key: mine[key] + theirs[key] for key in mine if key not in ("path", "named")}
        return SourceStats(path=self.path, named=(self.named + other.named)[:_NAMED], **added)

    def to_dict(self) -> dict[str, Any]:
        lengths = {
            name: each.to_dict()
            for name, each in (("characters", self.lengths), ("tokens", self.tokens), ("turns", self.turns))
            if each.count
        }
        return {
            "path": self.path,
            "rows": self.rows,
            "bad_rows": self.bad,
            "bytes": self.bytes,
            "characters": self.characters,
            "words": self.words,
            "compression_ratio": round(self.ratio, 3),
            "layouts": dict(self.layouts.most_common()),
            "roles": dict(self.roles.most_common()),
            "lengths": lengths,
        }


@dataclass(frozen=True, repr=False)
class Statistics:
    """What a corpus is like.

    Attributes:
        sources: each file.
        total: all of them.
        languages: rows in each, of the `told` ones; `undecided` is one of them.
        scripts: letters in each, of the same rows.
        duplicates: rows whose texts stand in an earlier row too, as a share of all.
        exact: whether that was counted; else it is estimated from a sample of the texts.
        longest: `(characters, file:line)` of the longest rows.
    """

    sources: tuple[SourceStats, ...]
    total: SourceStats
    languages: Counter[str]
    scripts: Counter[str]
    told: int
    duplicates: float
    exact: bool
    longest: tuple[tuple[int, str], ...]

    def __repr__(self) -> str:
        languages = ", ".join(name for name, _ in self.languages.most_common(3))
        rows = f"{self.total.rows:,} rows, {size(self.total.bytes)} of text"
        return f"Statistics({rows}, {self.duplicates:.1%} duplicates; {languages})"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "sources": [source.to_dict() for source in self.sources],
            "total": self.total.to_dict(),
            "bad_rows": [{"where": where, "why": why} for where, why in self.total.named],
            "languages": _shares(self.languages),
            "scripts": _shares(self.scripts),
            "rows_told": self.told,
            "duplicate_share": round(self.duplicates, 6),
            "duplicates_estimated": not self.exact,
            "longest": [{"characters": characters, "where": where} for characters, where in self.longest],
        }


def stats(
    paths: str | Path | Iterable[str | Path],
    *,
    tokenizer: PreTrainedTokenizerBase | str | Path | None = None,
    text_document: TextDocument = "file",
) -> Statistics:
    """Read every row once. Rows of all layouts may stand side by side; those that cannot be read are counted.

    Args:
        paths: files, folders or globs.
        tokenizer: a fast one, its folder or hub id: tokens are counted too.
        text_document: what a document is in plain text.

    Raises:
        DataError: a path that is not there, a damaged file, or not one row that can be read.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    looked = _Look(None if tokenizer is None else loaded_tokenizer(tokenizer))
    sources = expand_sources(given)
    sizes = [source.stat().st_size for source in sources]
    found = []
    with progress("reading", sum(sizes), "bytes") as task:
        for number, source in enumerate(sources):
            before = sum(sizes[:number])

            def rows(source: Path = source, before: int = before, most: int = sizes[number]) -> Iterator[Any]:
                for row in read_rows(source, text_document=text_document):
                    yield row
                    task.update(before + min(row.offset, most))

            found.append(looked.source(source, rows()))
    total = sum(found, SourceStats(f"{len(found)} files"))
    if not total.rows:
        where, why = total.named[0] if total.named else (str(sources[0]), "the file is empty")
        raise DataError(
            "there is no row to look at", where=where, why=why, hint="Give a file that holds rows"
        )
    return looked.result(tuple(found), total)


class _Look:
    """What is seen of all sources together."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase | None) -> None:
        self._encoder = None if tokenizer is None else _counting(tokenizer)
        self._texts = _Sample[int](_DISTINCT)
        self._told = _Sample[tuple[str, Mapping[str, int]]](_TOLD)
        self._longest: list[tuple[int, int, str]] = []
        self._seen = 0

    def source(self, path: Path, rows: Iterable[RawRow | BadRow]) -> SourceStats:
        import zstandard

        made = SourceStats(str(path))
        compressor = zstandard.ZstdCompressor(level=_LEVEL).compressobj()
        for row in rows:
            try:
                texts = self._row(made, row)
            except RowError as error:
                made.bad += 1
                if len(made.named) < _NAMED:
                    made.named.append((error.where or place(row.source, row.line), error.message))
                continue
            for text in texts:
                made.compressed += len(compressor.compress(text))
        made.compressed += len(compressor.flush())
        return made

    def _row(self, made: SourceStats, row: RawRow | BadRow) -> list[bytes]:
        """Count a row; its texts in UTF-8."""
        if isinstance(row, BadRow):
            raise row.error
        where = place(row.source, row.line)
        layout = layout_of(row.value, where=where)
        texts = texts_of(row.value, layout, where=where)
        encoded = [_utf8(text, where) for text in texts]
        made.rows += 1
        made.layouts[layout] += 1
        made.bytes += sum(map(len, encoded))
        made.words += sum(len(text.split()) for text in texts)
        characters = sum(map(len, texts))
        made.lengths.add(characters)
        if layout in ("chat", "sharegpt"):
            made.turns.add(len(texts))
            made.roles.update(_roles(row.value))
        if self._encoder is not None:
            made.tokens.add(sum(self._encoder.num_tokens(text) for text in texts))
        self._remember(texts, encoded, characters, where)
        return encoded

    def _remember(self, texts: tuple[str, ...], encoded: list[bytes], characters: int, where: str) -> None:
        import xxhash

        key = xxhash.xxh3_64_intdigest(b"\0".join(encoded))
        if self._texts.wants(key):
            self._texts.put(key, self._texts.get(key, 0) + 1)
        number = self._seen
        self._seen += 1
        chance = xxhash.xxh3_64_intdigest(number.to_bytes(8, "little"))  # of the row, not of its text
        if self._told.wants(chance):
            self._told.put(chance, _told(" ".join(texts)))
        heapq.heappush(self._longest, (characters, -number, where))
        if len(self._longest) > _LONGEST:
            heapq.heappop(self._longest)

    def result(self, sources: tuple[SourceStats, ...], total: SourceStats) -> Statistics:
        languages, scripts = Counter[str](), Counter[str]()
        for language, letters in self._told.values():
            languages[language] += 1
            scripts.update(letters)
        counts = list(self._texts.values())
        return Statistics(
            sources,
            total,
            languages,
            scripts,
            told=languages.total(),
            duplicates=1 - len(counts) / max(1, sum(counts)),
            exact=self._texts.level == 0,
            longest=tuple((length, where) for length, _, where in sorted(self._longest, reverse=True)),
        )


class _Sample(Generic[_Value]):
    """At most so many values by a hash; when there are more, those of half of all hashes are let go.

    Attributes:
        level: a hash is looked at when so many of its last bits are 0.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[int, _Value] = {}
        self.level = 0

    def wants(self, key: int) -> bool:
        return not key & ((1 << self.level) - 1)

    def get(self, key: int, default: _Value) -> _Value:
        return self._held.get(key, default)

    def put(self, key: int, value: _Value) -> None:
        self._held[key] = value
        while len(self._held) > self._most:
            self.level += 1
            self._held = {key: value for key, value in self._held.items() if self.wants(key)}

    def values(self) -> Iterable[_Value]:
        return self._held.values()


def _counting(tokenizer: PreTrainedTokenizerBase) -> Encoder:
    from brahma.data.encode import Encoder

    encoder = Encoder(tokenizer)
    encoder.hasten(())
    return encoder


def _utf8(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise RowError(
            "the text holds half of a surrogate pair", where=where, hint="Correct the \\ud… escapes"
        ) from None


def _roles(value: Any) -> Iterator[str]:
    """Who speaks in each turn."""
    for turn in value.get("messages") or value.get("conversations"):
        yield str(turn.get("role") or turn.get("from"))


def _told(text: str) -> tuple[str, Counter[str]]:
    """Language of a text, and how many letters of its middle are of each script."""
    language, _score = language_of(text)
    start = max(0, (len(text) - _LETTERS) // 2)
    letters = Counter(letter for letter in text[start : start + _LETTERS] if letter.isalpha())
    scripts = Counter[str]()
    for letter, count in letters.items():
        scripts[_script(letter)] += count
    return language or "undecided", scripts


@cache
def _script(letter: str) -> str:
    """The first word of a letter's name says its script."""
    word = unicodedata.name(letter, "other").split()[0]
    return _ODD_NAMES.get(word, word.capitalize())


def _shares(counts: Counter[str]) -> dict[str, float]:
    total = counts.total()
    return {name: round(count / total, 4) for name, count in counts.most_common()}
