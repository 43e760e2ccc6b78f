"""Values as JSON has them: of numpy's numbers, Python's own. Imports neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """The value with plain numbers, lists and dictionaries; what JSON has no word for by its `str`."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if callable(getattr(value, "tolist", None)):  # numpy's and torch's
        return plain(value.tolist())
    return str(value)
