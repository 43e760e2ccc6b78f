"""Apertium (https://www.apertium.org), the rule-based translator, as an external program.

One process translates a whole batch: started for each sentence it would do five a second. Sentences are
paragraphs of the batch, and the paragraphs that come back are counted; where that fails the batch is halved.
Words that it does not know are marked with `*`, those that it cannot carry over with `@` or `#`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence

from brahma.core.errors import DataError, MissingDependencyError
from brahma.data.augmentation.contract import Failed

_BLANK = re.compile(r"\n\s*\n")

PACKAGES = {"en-eo": "apertium-eo-en", "eng-spa": "apertium-eng-spa", "en-gl": "apertium-en-gl"}
"""The Debian packages of the pairs that were tried."""


def require(direction: str) -> None:
    """Raises MissingDependencyError when Apertium or the direction, such as `en-eo`, is not installed."""
    package = next(
        (package for pair, package in PACKAGES.items() if direction in (pair, backwards(pair))), None
    )
    command = f"sudo apt install apertium {package or 'apertium-eo-en'} wordnet-base"
    if shutil.which("apertium") is None:
        raise MissingDependencyError("the program `apertium` is not installed", hint=command)
    done = subprocess.run(["apertium", "-l"], capture_output=True, text=True, timeout=60, check=False)
    if direction not in done.stdout.split():
        hint = (
            command
            if package
            else f"The pairs that were tried: {', '.join(PACKAGES)}; `apertium -l` lists yours"
        )
        raise MissingDependencyError(f"Apertium has no direction {direction}", hint=hint)


def backwards(direction: str) -> str:
    """`en-eo` -> `eo-en`."""
    source, _, target = direction.partition("-")
    return f"{target}-{source}"


def translate(sentences: Sequence[str], direction: str, *, timeout: float) -> list[str | Failed]:
    """Each sentence in the other language, with Apertium's marks, or why it could not be done.

    Args:
        sentences: none of them empty or with a line break.
        direction: such as `en-eo`.
        timeout: seconds for one process.
    """
    if not sentences:
        return []
    try:
        done = subprocess.run(
            ["apertium", "-f", "txt", direction],
            input="\n\n".join(sentences) + "\n\n",
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _in_halves(sentences, direction, timeout, Failed("took too long", f"{timeout:g} s"))
    except OSError as error:
        raise DataError(
            "apertium cannot be started",
            why=error.strerror,
            hint="Try it by hand: echo Hello | apertium en-eo",
        ) from error
    found = _BLANK.split(done.stdout.strip())
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return _in_halves(sentences, direction, timeout, Failed("the translator failed", last))
    if len(found) != len(sentences) or not all(found):
        return _in_halves(sentences, direction, timeout, Failed("the translation does not line up"))
    return [" ".join(each.split()) for each in found]


def _in_halves(
    sentences: Sequence[str], direction: str, timeout: float, failure: Failed
) -> list[str | Failed]:
    if len(sentences) == 1:
        return [failure]
    half = len(sentences) // 2
    parts = (sentences[:half], sentences[half:])
    return [each for part in parts for each in translate(part, direction, timeout=timeout)]
