"""Multiple choice: the choice that the model finds likeliest, as lm-eval asks and counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from brahma.core.errors import ModelError
from brahma.evaluation.custom.prompts import Reader
from brahma.evaluation.custom.rows import Choices
from brahma.evaluation.scoring.requests import Request, is_cut

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ACCURACIES = ("acc", "acc_norm", "acc_bytes")
"""Share of questions whose right choice has the highest log-likelihood: as it is, by its characters, by its
UTF-8 bytes; the three as lm-eval calls and computes them."""


@dataclass(frozen=True)
class Chosen:
    """What the model makes of one question.

    Attributes:
        logprobs: of each choice, in nats.
        likeliest: index of the highest one.
        figures: 1 or 0 for each of `ACCURACIES`.
    """

    logprobs: tuple[float, ...]
    likeliest: int
    figures: Mapping[str, float]


def choose(
    model: PreTrainedModel,
    questions: Sequence[Choices],
    reader: Reader,
    *,
    batch_size: int | Literal["auto"],
) -> tuple[list[Chosen], int]:
    """What the model makes of each question, and how many were cut from the left to its context.

    Raises:
        BrahmaError: a question that cannot be read, named by its row, or a choice longer than the context.
    """
    from brahma.evaluation.scoring.scorer import Scorer, tokens_of

    requests = [
        (number, request)
        for number, question in enumerate(questions)
        for request in _requests(question, reader)
    ]
    for number, request in requests:
        _check_length(len(request.continuation), reader.context, questions[number].where)
    max_tokens = tokens_of(batch_size, reader.context)
    scored = Scorer(model, reader.context, max_tokens).score([request for _, request in requests])
    logprobs: list[list[float]] = [[] for _ in questions]
    for (number, _), answer in zip(requests, scored, strict=True):
        logprobs[number].append(answer.logprob)
    cut = {number for number, request in requests if is_cut(request, reader.context)}
    return [_chosen(*each) for each in zip(questions, logprobs, strict=True)], len(cut)


def _check_length(tokens: int, context: int, where: str) -> None:
    """Raises ModelError of a choice that does not fit even without its question."""
    if tokens > context:
        raise ModelError(
            f"a choice of {tokens:,} tokens is longer than the model's context of {context:,}",
            where=where,
            hint="Shorten it, or take the row out",
        )


def _requests(question: Choices, reader: Reader) -> list[Request]:
    if reader.asking.chat_template:
        context = reader.ids(question.question, question.where)
        return [Request(context, reader.text(choice)) for choice in question.choices]
    before = question.question.rstrip()  # what is blank behind a question belongs to the choice, as a word's
    between = question.question[len(before) :]
    context = reader.ids(before, question.where)
    return [_plain(question, before, between, choice, context, reader) for choice in question.choices]


def _plain(
    question: Choices, before: str, between: str, choice: str, context: list[int], reader: Reader
) -> Request:
    """The choice behind the question, with a blank between them; tokenised as one text, then parted."""
    blank = between or ("" if choice[0].isspace() else " ")
    whole = reader.ids(before + blank + choice, question.where)
    return Request(context, whole[len(context) :] or reader.text(blank + choice))


def _chosen(question: Choices, logprobs: Sequence[float]) -> Chosen:
    def best(sizes: Sequence[int]) -> int:
        return max(range(len(sizes)), key=lambda index: logprobs[index] / sizes[index])

    picked = {
        "acc": best([1] * len(logprobs)),
        "acc_norm": best([len(choice) for choice in question.choices]),
        "acc_bytes": best([len(choice.encode()) for choice in question.choices]),
    }
    figures = {name: float(index == question.right) for name, index in picked.items()}
    return Chosen(tuple(logprobs), picked["acc"], figures)
