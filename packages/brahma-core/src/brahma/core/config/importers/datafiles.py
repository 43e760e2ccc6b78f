"""Data files: what a peer names is a local file that we read, one to be converted, or a dataset of a hub."""

from __future__ import annotations

import os
import re
from typing import Any

from brahma.core.config.importers.rules import Outcome, Source
from brahma.core.suffixes import COMPRESSION_SUFFIXES, DATA_SUFFIXES, LINE_SUFFIXES

_READ = (
    *DATA_SUFFIXES,
    *(suffix + packed for suffix in LINE_SUFFIXES for packed in COMPRESSION_SUFFIXES),
)
_OTHER = (".arrow",)

ROWS = (
    '{"text": …}, {"messages": […]}, {"prompt": …, "completion": …}, {"instruction": …, "output": …} '
    'or {"conversations": […]}'
)
"""The rows that a file can hold."""


def data_file(name: Any, source: Source, *, target: str, part: str = "", rows: str = "") -> Outcome:
    """Where the data of a peer's dataset `name` will be.

    A dataset of a hub has no file: a name is written, and the user is told to put the data there.

    Args:
        part: the split or configuration, for the name of the file.
        rows: what rows it must hold, if the peer's format says that.
    """
    text = str(name).strip()
    if text.endswith(_READ):
        note = f"rows must be {rows or ROWS}"
        return Outcome("mapped", note, append={target: source.path(text)})
    if text.endswith(_OTHER):
        path = _named(text, part)
        note = f"{text} cannot be read here: convert it to JSON Lines of {rows or ROWS} at {path}"
        return Outcome("fill", note, append={target: path})
    if text.startswith((".", "/", "~")) or os.path.isdir(text):
        note = f"a folder of files such as .jsonl or .parquet is read; rows must be {rows or ROWS}"
        return Outcome("check", note, append={target: source.path(text)})
    path = _named(text, part)
    whole = f"{text} ({part})" if part else text
    note = f"{whole} is no local file: save it as JSON Lines of {rows or ROWS} at {path}"
    return Outcome("fill", note, append={target: path})


def _named(text: str, part: str) -> str:
    """`data/alpaca-test.jsonl` for the part `test` of `tatsu-lab/alpaca`."""
    stem = os.path.splitext(text.rstrip("/").rpartition("/")[2])[0] if text.endswith(_OTHER) else text
    words = [stem.rstrip("/").rpartition("/")[2], *([part] if part not in ("", "train", "default") else [])]
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(words)).strip("-.")
    return f"data/{safe or 'train'}.jsonl"
