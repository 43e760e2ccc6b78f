"""The model's own words: an answer to each question, written in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brahma.core.progress import progress
from brahma.evaluation.custom.prompts import Reader
from brahma.evaluation.custom.rows import Question
from brahma.evaluation.sampling import DEFAULT_NEW_TOKENS, Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def write_outputs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[Question],
    reader: Reader,
    sampling: Sampling,
    *,
    batch_size: int,
) -> tuple[list[str], int]:
    """What the model writes for each question, and how many prompts were cut from the left for it.

    A draw has random numbers of its own, from the seed and the question's place.

    Raises:
        BrahmaError: a prompt that cannot be read, named by its row; or no room for any prompt.
    """
    from brahma.evaluation.prompt_encoding import stop_ids
    from brahma.evaluation.writing import Task, Writer

    budget = sampling.max_new_tokens or min(DEFAULT_NEW_TOKENS, max(1, reader.context // 4))
    tasks, cut = [], 0
    ends: dict[bool, tuple[int, ...]] = {}
    for number, question in enumerate(questions):
        ids = reader.ids(question.prompt, question.where)
        kept = reader.cut(ids, budget)
        cut += len(kept) < len(ids)
        with_turns = not isinstance(reader.asking.put(question.prompt), str)
        if with_turns not in ends:
            ends[with_turns] = tuple(stop_ids(model, tokenizer, with_turns=with_turns))
        tasks.append(Task(kept, budget, ends[with_turns], number))
    longest_first = sorted(range(len(tasks)), key=lambda number: -len(tasks[number].ids))
    writer, outputs = Writer(model, tokenizer), [""] * len(tasks)
    with progress("writing", len(tasks), "answers") as task:
        for start in range(0, len(tasks), batch_size):
            batch = longest_first[start : start + batch_size]
            texts = writer.write([tasks[number] for number in batch], sampling, batch_size=batch_size)
            for number, text in zip(batch, texts, strict=True):
                outputs[number] = text
            task.advance(len(batch))
    return outputs, cut
