"""lm-eval and datasets kept to themselves: their bars, logs and prints tell nothing that can be acted on."""

from __future__ import annotations

import functools
import io
import logging
import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

from brahma.core.noise import is_debugging, is_library

_LIBRARIES = ("lm_eval", "datasets", "evaluate", "absl", "rouge_scorer", "sacrebleu", "filelock", "fsspec")


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Nothing of what they write reaches the terminal inside; `BRAHMA_DEBUG=1` lets everything through.

    Brahma's own progress, on standard error, goes on as ever.
    """
    if is_debugging():
        yield
        return
    with ExitStack() as undo:
        for name in _LIBRARIES:
            logger = logging.getLogger(name)
            undo.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        undo.callback(setattr, warnings, "showwarning", warnings.showwarning)
        warnings.showwarning = _without_libraries(warnings.showwarning)
        undo.enter_context(_no_bars())
        undo.enter_context(redirect_stdout(io.StringIO()))
        yield


def _without_libraries(show: Callable[..., None]) -> Callable[..., None]:
    """Warnings of the user's own code, and of a task's, are shown as ever."""

    def show_others(message: Any, category: Any, filename: str, *more: Any, **options: Any) -> None:
        if not is_library(filename):
            show(message, category, filename, *more, **options)

    return show_others


@contextmanager
def _no_bars() -> Iterator[None]:
    """All of tqdm's are drawn nowhere, whoever makes them."""
    from tqdm.std import tqdm  # type: ignore[import-untyped]

    begin = tqdm.__init__

    @functools.wraps(begin)
    def begin_unseen(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **{**options, "disable": True})

    tqdm.__init__ = begin_unseen
    try:
        yield
    finally:
        tqdm.__init__ = begin


@contextmanager
def one_process() -> Iterator[None]:
    """lm-eval starts no processes for its bootstraps: forks of a process with torch's threads may hang."""
    name = "DISABLE_MULTIPROC"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def own_random_numbers(python: int, numpy: int, torch: int) -> Iterator[None]:
    """The global generators seeded inside; the caller's own afterwards."""
    import numpy as np
    import torch as pytorch

    states = random.getstate(), np.random.get_state()
    with pytorch.random.fork_rng():
        random.seed(python)
        np.random.seed(numpy)
        pytorch.manual_seed(torch)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
