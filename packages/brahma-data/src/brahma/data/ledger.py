"""The token ledger: every row and every token is accounted for, or nothing is launched.

The laws, for each file and in total:

    rows      = accepted + skipped
    accepted  = training documents + validation documents
    tokens    = trained + masked + starts + truncated + dropped      (in each part)
    inputs    = trained + masked                                     (in each part's packs)
    slots     = inputs + padding                                     (in each part's packs)

A document of n tokens gives n - 1 training targets, its tokens 2 … n; its first token is never a target
and counts as a `start`. A target is trained (its loss is taken), masked (it stands in a pack without loss:
a prompt), truncated (cut from an over-long prompt), or dropped (its row was over-long and dropped, or its
pack or part of a row would have trained on nothing). Packs hold pairs of an input and its target, so a
pack's inputs are its targets.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from brahma.core.errors import LedgerError


@dataclass(frozen=True)
class TokenCounts:
    """What became of the tokens of some documents.

    Attributes:
        documents: how many.
        tokens: made of them, special ones included.
        special: tokens that were added, not read (bos, eos, the template's own).
        bytes: supervised UTF-8 bytes that are trained on.
        trained, masked, starts, truncated, dropped: see the laws.
    """

    documents: int = 0
    tokens: int = 0
    special: int = 0
    bytes: int = 0
    trained: int = 0
    masked: int = 0
    starts: int = 0
    truncated: int = 0
    dropped: int = 0

    def __add__(self, other: TokenCounts) -> TokenCounts:
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(other)
        return TokenCounts(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def check(self, where: str) -> None:
        """Raises LedgerError when the tokens do not add up."""
        _law(
            where,
            "tokens = trained + masked + starts + truncated + dropped",
            self.tokens,
            self.trained + self.masked + self.starts + self.truncated + self.dropped,
        )


@dataclass(frozen=True)
class SkippedRow:
    """A row that was left out: its 1-based line and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class FileLedger:
    """One source file.

    Attributes:
        spelt: special tokens that its rows spell out, and which are text there.
        spelt_lines: the first lines on which they stand.
    """

    path: str
    rows: int
    accepted: int
    skipped: tuple[SkippedRow, ...] = ()
    train: TokenCounts = TokenCounts()
    validation: TokenCounts = TokenCounts()
    spelt: int = 0
    spelt_lines: tuple[int, ...] = ()

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows were skipped for each reason."""
        return dict(Counter(row.reason for row in self.skipped))

    def check(self) -> None:
        """Raises LedgerError when the rows or tokens do not add up."""
        _law(self.path, "rows = accepted + skipped", self.rows, self.accepted + len(self.skipped))
        documents = self.train.documents + self.validation.documents
        _law(self.path, "accepted = training documents + validation documents", self.accepted, documents)
        self.train.check(f"{self.path} (train)")
        self.validation.check(f"{self.path} (validation)")

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(
            path=saved["path"],
            rows=saved["rows"],
            accepted=saved["accepted"],
            skipped=tuple(SkippedRow(**row) for row in saved["skipped"]),
            train=TokenCounts(**saved["train"]),
            validation=TokenCounts(**saved["validation"]),
            spelt=saved.get("spelt", 0),
            spelt_lines=tuple(saved.get("spelt_lines", ())),
        )


@dataclass(frozen=True)
class PackLedger:
    """The packs of one part, training or validation.

    Attributes:
        packs: how many.
        slots: pairs that they could hold: packs × seq_length.
        inputs: pairs that they hold.
        padding: room left over. Batches are flat: the room is never computed on.
    """

    packs: int = 0
    slots: int = 0
    inputs: int = 0
    padding: int = 0

    def check(self, where: str, tokens: TokenCounts) -> None:
        """Raises LedgerError when the slots do not add up, or not to the tokens."""
        _law(where, "slots = inputs + padding", self.slots, self.inputs + self.padding)
        _law(where, "inputs = trained + masked", self.inputs, tokens.trained + tokens.masked)


@dataclass(frozen=True, repr=False)
class Ledger:
    """All files of a run, and the packs made of them."""

    files: tuple[FileLedger, ...]
    train: PackLedger = PackLedger()
    validation: PackLedger = PackLedger()
    train_tokens: TokenCounts = field(init=False)
    validation_tokens: TokenCounts = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "train_tokens", _total(file.train for file in self.files))
        object.__setattr__(self, "validation_tokens", _total(file.validation for file in self.files))

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def accepted(self) -> int:
        return sum(file.accepted for file in self.files)

    @property
    def skipped(self) -> int:
        return sum(len(file.skipped) for file in self.files)

    @property
    def tokens(self) -> TokenCounts:
        """Both parts together."""
        return self.train_tokens + self.validation_tokens

    def check(self) -> None:
        """Hold every law.

        Raises:
            LedgerError: naming the file, the law and both numbers.
        """
        for file in self.files:
            file.check()
        self.train.check("train", self.train_tokens)
        self.validation.check("validation", self.validation_tokens)

    def __repr__(self) -> str:
        tokens = self.tokens
        return (
            f"Ledger({self.rows:,} rows = {self.accepted:,} accepted + {self.skipped:,} skipped; "
            f"{tokens.tokens:,} tokens, {tokens.trained:,} of them trained)"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the totals are in it for readers and are computed again by `from_dict`."""
        return {
            "files": [{**dataclasses.asdict(file), "reasons": file.reasons} for file in self.files],
            "train": dataclasses.asdict(self.train),
            "validation": dataclasses.asdict(self.validation),
            "total": {
                "rows": self.rows,
                "accepted": self.accepted,
                "skipped": self.skipped,
                "train": dataclasses.asdict(self.train_tokens),
                "validation": dataclasses.asdict(self.validation_tokens),
                "both": dataclasses.asdict(self.tokens),
            },
        }

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        return cls(
            files=tuple(FileLedger.from_dict(file) for file in saved["files"]),
            train=PackLedger(**saved["train"]),
            validation=PackLedger(**saved["validation"]),
        )

    def save(self, path: Path) -> None:
        """Write `ledger.json`; half-written output never replaces a good file."""
        partial = path.with_name(path.name + ".tmp")
        partial.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))


def _total(counts: Iterable[TokenCounts]) -> TokenCounts:
    total = TokenCounts()
    for each in counts:
        total += each
    return total


def _law(where: str, law: str, left: int, right: int) -> None:
    if left != right:
        raise LedgerError(
            f"the ledger does not add up: {law} is {left} = {right}",
            where=where,
            why="tokens or rows were lost or counted twice; training on such data could not be trusted",
            hint="this is a bug of Brahma or of a reader plugin: please report it with this file",
        )
