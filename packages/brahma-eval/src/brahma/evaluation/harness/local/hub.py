"""What to say when a task's data set cannot be had from the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.error_text import first_line
from brahma.core.errors import DataError
from brahma.evaluation.harness.local.folders import example_of
from brahma.evaluation.harness.local.serving import request_from
from brahma.evaluation.harness.local.shapes import shape_of

if TYPE_CHECKING:
    from brahma.evaluation.harness.registry import Registry

_MODULES = ("datasets", "huggingface_hub", "httpx", "httpcore", "requests", "urllib3", "fsspec", "aiohttp")


def is_about_data(error: BaseException) -> bool:
    """Whether loading a data set failed, and not the task's own code: told by who raised it."""
    kind: BaseException | None = error
    while kind is not None:
        if isinstance(kind, ConnectionError) or type(kind).__module__.partition(".")[0] in _MODULES:
            return True
        kind = kind.__cause__ or kind.__context__
    return _was_raised_in(error, "load_dataset")


def not_loaded(error: BaseException, known: Registry, name: str) -> DataError:
    """The error for a task, group or tag whose data set the hub does not give, and what files would do."""
    leaf = next(iter(known.leaves(name)), name)
    request = request_from(known.configuration(leaf))
    shape = shape_of(request)
    folder = (*shape.folders, request.last_part)[0]
    file = Path("DIR", folder.lower(), shape.wanted.format(name=request.name, split=request.evaluated))
    return DataError(
        f"the data set {request.data_set or 'of this task'} cannot be loaded", where=name,
        why=f"{type(error).__name__}: {first_line(error)}",
        hint=f"connect to the hub once, or give --data-dir DIR with {file}. A row: {example_of(request)}",
    )  # fmt: skip


def _was_raised_in(error: BaseException, function: str) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name == function:
            return True
        trace = trace.tb_next
    return False
