"""A function called in a fresh interpreter: what it imports, or leaves behind, is its own.

The call comes through standard input, the answer goes out through standard output; both are pickled.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import Any

from brahma.core.entries import resolve

_LIMIT = 300
"""Seconds after which a child hangs."""
HEAVY = ("torch", "transformers")


def in_child(function: str, *args: Any) -> Any:
    """Call `"package.module:function"` in a fresh interpreter with the same import path.

    Raises:
        whatever the function raises; RuntimeError: the interpreter died or hangs.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"from {__name__} import answer; answer()"],
            input=pickle.dumps((function, args)),
            stdout=subprocess.PIPE,
            env=environment,
            timeout=_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"a process of its own took more than {_LIMIT} s") from error
    if done.returncode or not done.stdout:
        raise RuntimeError(f"a process of its own ended with status {done.returncode}")
    found, failure = pickle.loads(done.stdout)
    if failure is not None:
        raise failure
    return found


def import_cost(module: str) -> tuple[float, list[str]]:
    """CPU seconds that the import of a module takes, and the heavy libraries that came with it."""
    began = time.process_time()
    import_module(module)
    return time.process_time() - began, heavy_modules()


def load_cost(target: str) -> list[str]:
    """The heavy libraries that are imported once a target is loaded."""
    resolve(target)
    return heavy_modules()


def heavy_modules() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def answer() -> None:
    """The other side of `in_child`. What the function prints goes to standard error."""
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        function, args = pickle.loads(sys.stdin.buffer.read())
        found, failure = None, None
        try:
            found = resolve(function)(*args)
        except (Exception, SystemExit) as error:  # a stranger's code
            failure = _picklable(error)
        out.write(pickle.dumps((found, failure)))


def _picklable(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")
