"""Texts by one model: many in batches, or one while somebody looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from brahma.evaluation.choosing import Choice
from brahma.evaluation.decoding import Batch, Decoder, Past, Prefix
from brahma.evaluation.growing import GrowingText
from brahma.evaluation.sampling import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Task:
    """One text to write.

    Attributes:
        ids: the prompt.
        budget: new tokens at most.
        ends: ids that end the text.
        number: what its random numbers are drawn for, beside the seed.
    """

    ids: list[int]
    budget: int
    ends: tuple[int, ...]
    number: int


@dataclass
class Watch:
    """How one looks on, and stops it, while a text is written.

    Attributes:
        on_text: called after each token.
        cancelled: set it from anywhere; the text ends with the token that is being written.
    """

    on_text: Callable[[GrowingText], None] = lambda text: None
    cancelled: Event = field(default_factory=Event)


class Writer:
    """Writes tasks with one model; one call at a time.

    Raises:
        ModelError: the model is no language model that writes.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self._decoder = Decoder(model)
        self._model, self._tokenizer = model, tokenizer
        self._turn = Lock()
        self._past = Past(model)

    def write(self, tasks: Sequence[Task], sampling: Sampling, *, batch_size: int) -> list[str]:
        """The texts, in the order of the tasks. Those of like length are written together."""
        texts = [""] * len(tasks)
        sizes = [(task.budget, len(task.ids)) for task in tasks]
        with self._turn:
            for group in alike(sizes, equal_lengths=self._decoder.equal_lengths):
                for start in range(0, len(group), batch_size):
                    batch = group[start : start + batch_size]
                    rows = self._rows([tasks[index] for index in batch], sampling)
                    self._run([tasks[index] for index in batch], rows, sampling, Watch(), past=None)
                    for index, row in zip(batch, rows, strict=True):
                        texts[index] = row.text
        return texts

    def follow(self, task: Task, sampling: Sampling, watch: Watch) -> GrowingText:
        """Write one text while somebody looks on; what the last one left in the cache is used again."""
        with self._turn:
            rows = self._rows([task], sampling)
            with self._past.of(task.ids) as past:
                self._run([task], rows, sampling, watch, past=past)
            watch.on_text(rows[0])
            return rows[0]

    def _rows(self, tasks: Sequence[Task], sampling: Sampling) -> list[GrowingText]:
        return [GrowingText(self._decode, ends=task.ends, stop=sampling.stop) for task in tasks]

    def _decode(self, ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def _run(
        self,
        tasks: Sequence[Task],
        rows: Sequence[GrowingText],
        sampling: Sampling,
        watch: Watch,
        *,
        past: Prefix | None,
    ) -> None:
        """Fill `rows` with what the model writes. All tasks have one budget."""
        batch = Batch(
            prompts=[task.ids for task in tasks],
            rows=rows,
            choice=Choice(sampling, [task.number for task in tasks], self._model.device),
            budget=tasks[0].budget,
            ends=sorted({end for task in tasks for end in task.ends}),
            repetition_penalty=sampling.repetition_penalty,
            on_token=watch.on_text,
            cancelled=watch.cancelled,
        )
        output_BT = self._decoder.run(batch, past.cache if past else None)
        for row in rows:
            row.finish("cancelled" if watch.cancelled.is_set() else "length")
        if past is not None:
            past.ids = output_BT[0, : past.cache.get_seq_length()].tolist()


def alike(sizes: Sequence[tuple[Any, int]], *, equal_lengths: bool) -> Iterator[list[int]]:
    """Indices of texts that may be written together; longest first, as these cost most.

    Args:
        sizes: of each text, what it must have in common with others, such as a budget; and its length.
        equal_lengths: only those exactly of one length go together.
    """

    def kind(index: int) -> tuple[Any, int]:
        common, length = sizes[index]
        return common, length if equal_lengths else 0

    order = sorted(range(len(sizes)), key=lambda index: (kind(index), -sizes[index][1]))
    for _, group in groupby(order, key=kind):
        yield list(group)
