"""What an augmentation depends on, and the rows of which it tries variants."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from brahma.core.errors import RowError
from brahma.data.augmentation.checks import Limits
from brahma.data.augmentation.origin import origin_of
from brahma.data.augmentation.passages import Passages, passages_of
from brahma.data.layouts import Value, layout_of
from brahma.data.readers import TextDocument, read_rows
from brahma.data.rows import BadRow, place

VERSION = 1
"""Of what stands in a job's folder, and of how variants are judged."""


@dataclass(frozen=True)
class Plan:
    """Everything that the variants depend on beside the techniques.

    Attributes:
        variants: of each row and technique, at most.
        fraction: of the rows of which variants are tried.
        max_failures: passages in a row that an engine may fail on before the job stops.
    """

    sources: tuple[Path, ...]
    seed: int = 0
    variants: int = 1
    fraction: float = 1.0
    text_document: TextDocument = "file"
    on_bad_row: Literal["error", "skip"] = "error"
    max_failures: int = 20
    limits: Limits = field(default_factory=Limits)

    def key(self, techniques: Sequence[Mapping[str, Any]]) -> str:
        """What tells this job from another one on the same output."""
        from brahma.data.stamps import content_hash

        contents = [(str(source), content_hash(source)) for source in self.sources]
        settings = [VERSION, contents, list(techniques), {**asdict(self), "sources": None}]
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Chosen:
    """A row of which variants are tried."""

    where: str
    passages: Passages


@dataclass
class Scan:
    """What a reading of the input found.

    Attributes:
        rows: that could be read.
        left: why of some no variants are tried, and how many.
        skipped: `file:line: why` of those that could not be read.
    """

    rows: int = 0
    chosen: int = 0
    left: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)


def rows_of(plan: Plan, scan: Scan | None = None) -> Iterator[tuple[str, Value]]:
    """Each row and its place, as it stands in the input.

    Args:
        scan: counts those that cannot be read.

    Raises:
        RowError: a row cannot be read, unless such rows are skipped.
    """
    for source in plan.sources:
        for raw in read_rows(source, text_document=plan.text_document):
            try:
                if isinstance(raw, BadRow):
                    raise raw.error
                where = place(raw.source, raw.line)
                layout_of(raw.value, where=where)
                origin_of(raw.value, where)
            except RowError as error:
                if plan.on_bad_row == "error":
                    raise
                if scan is not None:
                    scan.skipped.append(f"{error.where}: {error.message}")
                continue
            yield where, raw.value


def chosen_rows(plan: Plan, scan: Scan | None = None) -> Iterator[Chosen]:
    """The rows of which variants are tried, the same ones for the same seed."""
    scan = scan or Scan()
    for where, value in rows_of(plan, scan):
        scan.rows += 1
        passages = passages_of(value, layout_of(value), where=where)
        if origin_of(value, where) is not None:
            scan.left["variants already"] += 1
        elif random.Random(f"{plan.seed}:{where}").random() >= plan.fraction:
            scan.left["left out by the fraction"] += 1
        elif not passages.open:
            scan.left["without words that may change"] += 1
        else:
            scan.chosen += 1
            yield Chosen(where, passages)
