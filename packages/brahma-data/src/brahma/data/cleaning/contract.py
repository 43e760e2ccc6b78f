"""What a step of a cleaning is: built-in ones and those of plugins implement what stands here.

Three scopes, named by `FilterEntry.scope`:

- `text`: `(options) -> TextStep`. It sees each piece of text alone (each turn of a conversation) and may
  rewrite it: repair, mask, strip.
- `document`: `(options) -> TextStep`. It sees the whole document, the turns of a conversation joined by a
  blank line, and judges it; a document of one piece it may rewrite too.
- `corpus`: `(options) -> CorpusStep`. It decides over all documents: duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from brahma.data.rows import place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(slots=True)
class Document:
    """One row on its way through the steps.

    Attributes:
        task: number of the part of the input that it stands in; parts are numbered in reading order.
        number: 0-based, within its task; in reading order too.
        source: the file's name as the report shows it.
        line: 1-based line on which the row starts.
        texts: the row's pieces of text, in order: one for running text, one a turn for a conversation.
    """

    task: int
    number: int
    source: str
    line: int
    texts: tuple[str, ...]

    @property
    def where(self) -> str:
        """`file:line`."""
        return place(Path(self.source), self.line)

    @property
    def joined(self) -> str:
        """The whole text; pieces are joined by a blank line."""
        return self.texts[0] if len(self.texts) == 1 else "\n\n".join(self.texts)


@dataclass(frozen=True, slots=True)
class Dropped:
    """The document goes.

    Attributes:
        reason: the same words for every document that goes for it; the report counts by them.
        detail: what is particular to this one: a figure, the place of the duplicate that stays.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The document stays, with another text.

    Attributes:
        text: instead of the one that was given. An empty text drops the document.
        counts: what was mended and how often (`{"e-mail masked": 2}`), added up in the report.
    """

    text: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """The document stays as it is; what was seen in it is added up in the report.

    Attributes:
        counts: what, and how often (`{"language de": 1}`).
    """

    counts: Mapping[str, int]


Verdict = bool | str | Dropped | Rewritten | Counted
"""True keeps the document as it is; False or a string drops it, the string says why. Figures in such a
string are left out when the report counts by reasons; `Dropped` keeps the two apart."""

TextStep = Callable[[str], Verdict]
"""A step of scope `text` or `document`. It holds no state between texts: any worker may get any text."""


class CorpusStep(Protocol):
    """Decides over all documents together, in three stages that may run on different machines.

    First `keys` of every document, in the workers; then `decide` once, when all keys are on disk; then
    `verdicts`, in the workers again. Nothing of the size of the corpus is held in memory.
    """

    def keys(self, document: Document) -> NDArray[np.uint64]:
        """128-bit keys `[n, 2]` of what may occur twice, n may be 0; equal keys mean equal things."""
        ...

    def decide(self, folder: Path, *, tasks: int) -> None:
        """Read the keys that the tasks left in `folder` (`KeyWriter`) and write what becomes of whom."""
        ...

    def verdicts(self, folder: Path, *, task: int) -> Callable[[Document], Verdict | tuple[Verdict, ...]]:
        """What was decided for the documents of one task; they are asked for in their order.

        A tuple has one verdict for each piece of the document's text.
        """
        ...
