"""Texts as rows that are padded on the right, for models that read nothing else. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from brahma.evaluation.scoring.layout import Laid, targets_of
from brahma.evaluation.scoring.requests import Text


class RowBatches:
    """Texts from the longest to the shortest, so that little is padded; equal ones share a row."""

    def __init__(self, texts: Sequence[Text]) -> None:
        keys = [(-len(text.ids), text.ids.tobytes()) for text in texts]
        self.order = sorted(range(len(texts)), key=keys.__getitem__)
        self._texts = [texts[number] for number in self.order]
        self._rows = np.cumsum(
            [n == 0 or keys[a] != keys[self.order[n - 1]] for n, a in enumerate(self.order)]
        )

    def end(self, start: int, budget: int) -> int:
        """After as many rows as there is room for."""
        rows = max(1, budget // len(self._texts[start].ids))
        return int(np.searchsorted(self._rows, self._rows[start] + rows))

    def lay(self, start: int, end: int) -> Laid:
        """The batch."""
        texts = self._texts[start:end]
        longest = len(texts[0].ids)
        rows = self._rows[start:end] - self._rows[start]
        ids = np.zeros((int(rows[-1]) + 1, longest), np.int64)  # fillers come last: nobody reads them
        slots = []
        for text, row in zip(texts, rows.tolist(), strict=True):
            length = len(text.ids)
            ids[row, :length] = text.ids
            slots.append(np.arange(length - len(text.targets), length) + row * longest)
        return Laid(ids, np.concatenate(slots), *targets_of(texts))
