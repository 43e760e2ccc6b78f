"""What a check of the kit is, what it is given, and how it says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from brahma.core.config.sections import Section
from brahma.core.entries import Entry
from brahma.core.plugins import Registration


class CheckFailedError(Exception):
    """The entry does not do what its kind promises; the message says what was seen and what was expected."""


class CheckSkippedError(Exception):
    """The check cannot run here, such as one that needs a GPU; the message says why."""


@dataclass(frozen=True)
class Subject:
    """What a check is given.

    Attributes:
        registration: the entry and the distribution that brought it.
        options: the entry's own options, checked; None when it takes none.
        folder: an empty folder of this check alone.
    """

    registration: Registration
    options: Section | None
    folder: Path

    @property
    def entry(self) -> Entry:
        return self.registration.entry

    def load(self) -> Any:
        """The entry's target."""
        return self.entry.load()


@dataclass(frozen=True)
class Check:
    """One promise of a kind.

    Attributes:
        name: what holds when it passes, in the present tense: `lowers the loss`.
        run: raises CheckFailedError or CheckSkippedError; whatever else it raises is a failure as well.
        applies: whether the promise is one of this entry; else nothing is said of it.
    """

    name: str
    run: Callable[[Subject], None]
    applies: Callable[[Entry], bool] = lambda entry: True


@dataclass(frozen=True)
class Result:
    """How a check ended.

    Attributes:
        message: why it failed or was skipped; empty when it passed.
    """

    check: str
    outcome: Literal["passed", "failed", "skipped"]
    seconds: float
    message: str = ""


def expect(holds: bool, message: str) -> None:
    """Fail the check unless something holds.

    Raises:
        CheckFailedError: with the message, which says what was seen and what was expected.
    """
    if not holds:
        raise CheckFailedError(message)
