"""What an augmenter is: the engines of brahma-augment and those of other plugins implement what stands here.

An augmenter is given passages of text, some hundred at a time, and gives variants of each. It need not check
them: the job that calls it does (`brahma.data.augmentation.checks`). It changes nothing that
`brahma.data.augmentation.protection.protected_spans` finds in a passage, or its variant is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine could not do this passage.

    Attributes:
        reason: the same words for every passage that failed for it; the report counts by them.
        detail: what is particular to this one.
    """

    reason: str
    detail: str = ""


Outcome = Sequence[str] | Failed
"""What became of one passage: its variants, which may be none, or why there are none."""


class Augmenter(Protocol):
    """Makes variants of passages; the same ones for the same seed where the engine allows it.

    Attributes:
        engine: what made the variants, as their origin says it: `apertium en-eo`.
        batch_size: passages that it likes to be given at once. What is done is kept after each batch, so it
            is small for an engine that is slow.
        language: the only language that it can do, as ISO 639-1 has it; None: any.
    """

    engine: str
    batch_size: int = 256
    language: str | None = None

    def variants(self, passages: Sequence[str], count: int) -> Sequence[Outcome]:
        """At most `count` variants of each passage, in the order of the passages.

        What it gives for a passage must not depend on the others beside it.

        Raises:
            BrahmaError: no passage can be done: the engine is gone, or refuses.
        """
        ...

    def close(self) -> None:
        """Free what it holds. Called once, also after an error."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
