"""What an evaluation on data of one's own returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Results(Mapping[str, float]):
    """Metrics and counts of one evaluation; a read-only mapping from name to number.

    Attributes:
        metrics: every installed metric; `loss`, `perplexity` and `bits_per_byte` are always there.
        tokens: supervised tokens.
        bytes: UTF-8 bytes of the text they stand for.
        documents: rows that were scored.
        skipped: rows that were not, by the data's own policy.
        split: documents longer than the sequence length, scored in pieces that do not see each other.
    """

    metrics: Mapping[str, float]
    tokens: int
    bytes: int
    documents: int
    skipped: int
    split: int

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.metrics["loss"]

    @property
    def perplexity(self) -> float:
        return self.metrics["perplexity"]

    @property
    def bits_per_byte(self) -> float:
        return self.metrics["bits_per_byte"]

    def _counts(self) -> dict[str, int]:
        return {
            "tokens": self.tokens,
            "bytes": self.bytes,
            "documents": self.documents,
            "skipped": self.skipped,
            "split": self.split,
        }

    def __getitem__(self, name: str) -> float:
        return {**self.metrics, **self._counts()}[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.metrics, **self._counts()})

    def __len__(self) -> int:
        return len(self.metrics) + len(self._counts())

    def __repr__(self) -> str:
        shown = [f"{name}={value:.4f}" for name, value in self.metrics.items()]
        shown += [f"{name}={value:,}" for name, value in self._counts().items()]
        return f"Results({', '.join(shown)})"
