"""What an evaluation on data of one's own returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from brahma.evaluation.custom.judging import Failure
from brahma.evaluation.prompting import Prompt


@dataclass(frozen=True)
class Example:
    """One row, and what became of it.

    Attributes:
        where: `file:line`.
        prompt: what was asked.
        output: what the model wrote; of choices the one that it finds likeliest.
        references: what is right; none where only a scoring function looked.
        figures: its own, by name; without those that have no value for one example, or whose function failed.
        logprobs: of each choice, in nats.
    """

    where: str
    prompt: Prompt
    output: str
    references: tuple[str, ...]
    figures: Mapping[str, float]
    logprobs: tuple[float, ...] = ()


@dataclass(frozen=True, repr=False)
class Results(Mapping[str, float]):
    """Metrics and counts of one evaluation; a read-only mapping from name to number.

    Attributes:
        metrics: what was asked for; by default every installed metric of totals, `loss`, `perplexity` and
            `bits_per_byte` among them.
        tokens: supervised tokens. This, `bytes` and `split` are 0 where no loss was asked for.
        bytes: UTF-8 bytes of the text they stand for.
        documents: rows that were measured.
        skipped: rows that were not, by the data's own policy.
        split: documents longer than the sequence length, scored in pieces that do not see each other.
        stderr: standard errors by metric, where there is one: of answers, choices and scores of two examples
            or more.
        truncated: questions that were cut from the left to the model's context; None: nothing was asked.
        failures: examples that the scoring function failed on; its figures are of the others.
        examples: each row with what the model gave, where they were asked for.
    """

    metrics: Mapping[str, float]
    tokens: int
    bytes: int
    documents: int
    skipped: int
    split: int
    stderr: Mapping[str, float] = field(default_factory=dict)
    truncated: int | None = None
    failures: tuple[Failure, ...] = ()
    examples: tuple[Example, ...] = ()

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self["loss"]

    @property
    def perplexity(self) -> float:
        return self["perplexity"]

    @property
    def bits_per_byte(self) -> float:
        return self["bits_per_byte"]

    def joined(self, other: Results) -> Results:
        """These results of the loss, and others of answers to the same rows, as one."""
        return Results(
            metrics={**self.metrics, **other.metrics},
            tokens=self.tokens,
            bytes=self.bytes,
            documents=self.documents,
            skipped=self.skipped,
            split=self.split,
            stderr={**self.stderr, **other.stderr},
            truncated=other.truncated,
            failures=other.failures,
            examples=other.examples,
        )

    def _counts(self) -> dict[str, int]:
        counts = {"documents": self.documents, "skipped": self.skipped}
        if self.tokens:
            counts = {"tokens": self.tokens, "bytes": self.bytes, **counts, "split": self.split}
        if self.truncated is not None:
            counts |= {"truncated": self.truncated, "failed": len(self.failures)}
        return counts

    def __getitem__(self, name: str) -> float:
        found = {**self.metrics, **self._counts()}
        if name not in found:
            raise KeyError(f"{name!r} was not measured; there are: {', '.join(found)}")
        return found[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.metrics, **self._counts()})

    def __len__(self) -> int:
        return len(self.metrics) + len(self._counts())

    def __repr__(self) -> str:
        shown = [f"{name}={value:.4f}{self._error(name)}" for name, value in self.metrics.items()]
        shown += [f"{name}={value:,}" for name, value in self._counts().items()]
        return f"Results({', '.join(shown)})"

    def _error(self, name: str) -> str:
        return f"±{self.stderr[name]:.4f}" if name in self.stderr else ""


COUNTS = frozenset(("tokens", "bytes", "documents", "skipped", "split", "truncated", "failed"))
"""Names of counts, which no figure may have."""
