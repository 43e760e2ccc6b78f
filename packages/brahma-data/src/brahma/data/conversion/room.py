"""What a container of rows has no room for; and everything that would be lost, gathered for one error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from brahma.core.errors import DataError
from brahma.data.conversion.forms import OWN_KEYS, WouldLoseError
from brahma.data.conversion.ways import Notes
from brahma.data.readers import TextDocument


def check_plain(row: Mapping[str, object]) -> None:
    """Refuse the keys that a plain text cannot hold.

    Raises:
        WouldLoseError: there are keys beside the text.
    """
    if other := [key for key in row if key != "text"]:
        raise WouldLoseError(
            f"keys beside the text: {', '.join(other)}", f"--drop-keys {','.join(other)} leaves them out"
        )


def check_cells(row: Mapping[str, object], notes: Notes) -> None:
    """Refuse what a cell of a table cannot hold; note what it changes.

    Raises:
        WouldLoseError: a list or an object.
    """
    for key, value in row.items():
        if isinstance(value, Mapping | list | tuple):
            is_own = any(key in own for own in OWN_KEYS.values())
            raise WouldLoseError(
                f"{key!r} holds a list or an object, which a cell cannot",
                "End the output in .jsonl or .parquet" if is_own else f"--drop-keys {key} leaves it out",
            )
        if not isinstance(value, str):
            kind = "empty" if value is None else "text"
            notes[f"{key!r} is not a string, and becomes {kind} in a table"] += 1


_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def check_border(text: str, document: TextDocument, number: int) -> None:
    """Refuse a document whose end could not be found again in a plain text file.

    Args:
        document: what one document is in that file.
        number: of the document, from 0.

    Raises:
        WouldLoseError: it holds what would end it, or stands behind another in a file that is one document.
    """
    text = text.strip("\n")
    ends = {"file": number > 0, "line": "\n" in text, "blank_line": bool(_BLANK_LINE.search(text))}
    if ends[document]:
        raise WouldLoseError(
            "where one document ends and the next begins",
            "End the output in .jsonl; --rule join writes them one after another; "
            "--text-document line, blank_line or file says what one document is",
        )


class Losses:
    """What would be lost, each with its first row and how often."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, tuple[str, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, loss: WouldLoseError, where: str) -> None:
        """One row would lose this."""
        self._counts[loss.what] += 1
        self._first.setdefault(loss.what, (where, loss.hint))

    def refuse(self, read: int) -> None:
        """Raise DataError if there is any: all of them, with the first row of each.

        Args:
            read: rows in all.
        """
        if not self._counts:
            return
        first = next(iter(self._first.values()))[0]
        listed = [
            f"{what}: {count:,} of {read:,} rows, the first is {self._first[what][0]}"
            for what, count in self._counts.items()
        ]
        hints = dict.fromkeys(hint for _, hint in self._first.values())
        raise DataError(
            "the conversion would lose something",
            where=first,
            why="; ".join(listed),
            hint="; and ".join(hints),
        )
