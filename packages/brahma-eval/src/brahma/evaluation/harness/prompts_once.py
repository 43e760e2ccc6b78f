"""lm-eval's prompts, made without compiling their templates again for each row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

_KEPT = 4096  # templates; a task has a few


@contextmanager
def templates_compiled_once() -> Iterator[None]:
    """Inside, a template of lm-eval's is compiled when it is first used.

    lm-eval compiles each one anew for each row and each of its few-shot examples, milliseconds every time:
    with a small model longer than the answers take. The prompts are the same.
    """
    from lm_eval.utils import env

    own = env.from_string
    env.from_string = lru_cache(_KEPT)(own)
    try:
        yield
    finally:
        env.from_string = own
