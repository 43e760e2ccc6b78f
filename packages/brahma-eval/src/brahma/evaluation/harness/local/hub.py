"""What to say when a task's data set cannot be had from the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.error_text import first_line
from brahma.core.errors import DataError
from brahma.evaluation.harness.local.folders import example_of, wanted_file
from brahma.evaluation.harness.local.serving import request_from

if TYPE_CHECKING:
    from brahma.evaluation.harness.registry import Registry

_PATIENCE = 5.0  # seconds
_MODULES = ("datasets", "huggingface_hub", "httpx", "httpcore", "requests", "urllib3", "fsspec", "aiohttp")


@contextmanager
def asked_once() -> Iterator[None]:
    """Inside, a hub that does not answer is not asked for each data set: what its cache holds is taken.

    The datasets library waits and asks again for half a minute, for each of MMLU's 57 subjects.
    """
    import datasets.config
    from huggingface_hub import constants

    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    if before == (False, False) and not _answers():
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before


def _answers() -> bool:
    """Whether there is a hub, or something in its place; what it says does not matter."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().dataset_info("Rowan/hellaswag", timeout=_PATIENCE)
    except HfHubHTTPError:
        return True
    except Exception:  # whatever the HTTP client raises when nobody answers
        return False
    return True


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
    file = wanted_file(Path("DIR"), request, request.evaluated)
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
