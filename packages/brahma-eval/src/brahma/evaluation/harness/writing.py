"""What tasks gave, as files in lm-eval's own layouts: the results, and each example's record."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from brahma.core.disk import flush
from brahma.core.errors import DataError
from brahma.evaluation.harness.document import SAMPLES
from brahma.evaluation.harness.plain import plain


def json_text(document: Mapping[str, Any]) -> str:
    """The document without its samples, as JSON; numbers that JSON has no word for are null."""
    values = _finite(plain({key: value for key, value in document.items() if key != SAMPLES}))
    return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)


def write_results(document: Mapping[str, Any], path: Path) -> None:
    """The document as a file, which is there whole or as it was before.

    Raises:
        DataError: it cannot be written.
    """
    with replacing(path) as file:
        file.write(json_text(document) + "\n")


def write_samples(document: Mapping[str, Any], folder: Path) -> list[Path]:
    """`samples_<task>.jsonl` for each task: a line for each example and filter, as `lm_eval --log_samples`.

    Raises:
        DataError: one cannot be written.
    """
    written = []
    for task, rows in document.get(SAMPLES, {}).items():
        path = folder / ("samples_" + re.sub(r"[^\w.-]", "_", task) + ".jsonl")
        with replacing(path) as file:
            file.writelines(json.dumps(_record(row), ensure_ascii=False) + "\n" for row in rows)
        written.append(path)
    return written


def check_writable(path: Path, *, is_folder: bool = False) -> None:
    """Refuse a place that cannot be written, before anything is computed for it.

    Raises:
        DataError: it is a folder where a file is wanted or the other way round, or may not be written.
    """
    if path.exists() and path.is_dir() != is_folder:
        kind = "file" if is_folder else "folder"
        raise DataError(f"this is a {kind}", where=str(path), hint="Choose another name")
    above = next(parent for parent in (path.absolute(), *path.absolute().parents) if parent.exists())
    folder = above if above.is_dir() else above.parent
    if not os.access(folder, os.W_OK) or (above != path.absolute() and not above.is_dir()):
        raise DataError("nothing can be written there", where=str(path), hint="Choose another place")


@contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A file that takes the place of `path` when the block ends well.

    Raises:
        DataError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", errors="backslashreplace") as file:
            yield file
        flush(part)
        part.replace(path)
    except OSError as error:
        raise DataError(
            "cannot be written",
            where=str(path),
            why=error.strerror,
            hint="Free some space, or choose another place",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _record(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as lm-eval writes it: arguments by name, and responses as texts, so that `datasets` reads it."""
    arguments = {
        f"gen_args_{number}": {f"arg_{place}": value for place, value in enumerate(each)}
        for number, each in enumerate(row["arguments"])
    }
    texts = {key: _as_texts(row[key]) for key in ("resps", "filtered_resps")}
    record: dict[str, Any] = plain({**row, **texts, "arguments": arguments, "target": str(row["target"])})
    return record


def _as_texts(value: Any) -> Any:
    return [_as_texts(each) for each in value] if isinstance(value, list | tuple) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list) else value
