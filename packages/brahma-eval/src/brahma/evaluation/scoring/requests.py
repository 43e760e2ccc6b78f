"""What is asked of a model, and what comes back. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import ModelError


class Request(NamedTuple):
    """How likely is `continuation` after `context`? Token ids; both have at least one.

    Attributes:
        context: ids that are given.
        continuation: ids whose probability is asked for.
    """

    context: Sequence[int]
    continuation: Sequence[int]


class Scored(NamedTuple):
    """The answer to a request.

    Attributes:
        logprob: log-likelihood of the continuation, in nats.
        greedy: whether each of its tokens is the likeliest at its place.
    """

    logprob: float
    greedy: bool


class Text(NamedTuple):
    """A request as the model reads it, cut to the model's context.

    Attributes:
        ids: int32 [L], what the model reads: all but the last token.
        targets: int32 [T], the continuation; the last T of `ids` predict them.
    """

    ids: NDArray[np.int32]
    targets: NDArray[np.int32]


def is_cut(request: Request, max_length: int) -> bool:
    """Whether it is longer than the model's context."""
    return len(request.context) + len(request.continuation) > max_length + 1


def text_of(request: Request, max_length: int) -> Text:
    """The request, cut from the left as lm-eval does: the model reads at most `max_length` tokens.

    Raises:
        ModelError: the context or the continuation is empty, or the latter longer than the model's context.
    """
    asked = len(request.continuation)
    if not request.context or not asked:
        raise ModelError(
            "a request without "
            + ("a continuation" if request.context else "a context")
            + " cannot be scored",
            hint="give each at least one token; a text from its beginning has the begin or end token before",
        )
    if asked > max_length:
        raise ModelError(
            f"a continuation of {asked:,} tokens is longer than the model's context of {max_length:,}",
            hint="shorten the texts, or take a model with a longer context",
        )
    ids = np.array([*request.context, *request.continuation], np.int32)[-(max_length + 1) :]
    return Text(ids[:-1], ids[-asked:])


def windows(tokens: Sequence[int], prefix: int, max_length: int) -> list[Request]:
    """A text of any length as requests that predict each token once, by lm-eval's rule for rolling windows.

    The first window begins with `prefix`; each next one reads as many tokens before its own as there is room
    for, at least one.
    """
    found = [Request((prefix,), tokens[:max_length])] if tokens else []
    for begin in range(max_length, len(tokens), max_length):
        end = min(begin + max_length, len(tokens))
        found.append(Request(tokens[end - max_length - 1 : begin], tokens[begin:end]))
    return found
