"""Where a variant comes from, as it stands in its row: `{"meta": {"augment": {…}}}`."""

from __future__ import annotations

from collections.abc import Mapping

from brahma.core.errors import RowError
from brahma.data.layouts import Value

ORIGIN = "augment"
"""The key below `meta` that tells where a variant comes from."""


def origin_of(value: Value, where: str) -> object:
    """The origin that a row carries, None for an original."""
    meta = None if isinstance(value, str) else value.get("meta")
    if meta is not None and not isinstance(meta, Mapping):
        raise RowError(
            "'meta' is no object, so a variant's origin has no place",
            where=where,
            hint='Give that key another name, or write {"meta": {"note": …}}',
        )
    return None if meta is None else meta.get(ORIGIN)


def with_origin(value: str | dict[str, object], origin: Mapping[str, object]) -> dict[str, object]:
    """The row with its origin; a plain text becomes an object."""
    row = {"text": value} if isinstance(value, str) else value
    meta = row.get("meta")
    return {**row, "meta": {**(meta if isinstance(meta, Mapping) else {}), ORIGIN: dict(origin)}}
