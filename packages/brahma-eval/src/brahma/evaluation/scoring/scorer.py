"""The Scorer: log-likelihoods of continuations, exactly as one by one, at a fraction of the work.

What texts share (few-shot examples, the question before its answers) is computed once, the last token of a
text not at all, and the head runs only where something is predicted. A model that cannot read several texts
laid flat (a recurrent one, or one with attention of its own code) reads padded rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.errors import DeviceError
from brahma.core.models.heads import head_of
from brahma.core.models.inputs import decoder_of
from brahma.core.models.loss import Head
from brahma.core.models.tree_attention import TREE, TokenTree, run_tree
from brahma.core.models.tree_check import computes_trees
from brahma.core.modes import attention, evaluating
from brahma.core.progress import progress
from brahma.evaluation.scoring.layout import Batches, Laid
from brahma.evaluation.scoring.likelihoods import log_likelihoods
from brahma.evaluation.scoring.requests import Request, Scored, is_cut, text_of, windows
from brahma.evaluation.scoring.rows import RowBatches
from brahma.evaluation.scoring.tree import TreeBatches

_TOKENS_ON_CPU = 8192
_FEWEST_TOKENS, _MOST_TOKENS = 1024, 65_536  # on a GPU
_SHARE_OF_GPU = 0.4  # of the memory that is free; the rest is for what the estimate does not see
_LOGITS_BYTES = 256 * 2**20  # of a batch, where a model gives all its logits
_LONGEST_COUNTED = 2048  # tokens of a text that a batch has room for; a context may be a million
_ANY_NUMBER = 2**40  # tokens; more than there are, and few enough for the arithmetic of arrays


class Scorer:
    """Answers requests by a model; which ones are asked together changes no answer beyond rounding.

    Args:
        model: it stays as it is; adapters on it count.
        max_length: tokens that the model reads at most; longer requests are cut from the left.
        max_tokens: tokens of a batch; "auto": what the device's memory is good for. A longer text is a batch
            of its own.

    Attributes:
        truncated: requests so far that were longer than `max_length`.
    """

    def __init__(
        self, model: PreTrainedModel, max_length: int, max_tokens: int | Literal["auto"] = "auto"
    ) -> None:
        self.model = model
        self.max_length = max_length
        self.truncated = 0
        self._budget = _tokens_for(model) if max_tokens == "auto" else max_tokens

    def score(
        self, requests: Sequence[Request], on_scored: Callable[[int, Scored], object] | None = None
    ) -> list[Scored]:
        """The answers, in the order of the requests.

        Args:
            on_scored: called with a request's number and its answer as soon as its batch is done.

        Raises:
            ModelError: a request is empty, or its continuation too long.
            DeviceError: a single text needs more memory than there is.
        """
        if not requests:
            return []
        texts = [text_of(request, self.max_length) for request in requests]
        self.truncated += sum(is_cut(request, self.max_length) for request in requests)
        answers = [Scored(0.0, False)] * len(texts)
        as_tree = computes_trees(self.model, longest=self.max_length)
        batches: Batches = TreeBatches(texts) if as_tree else RowBatches(texts)
        plain = _plain_attention(self.model)
        with attention(self.model, plain):
            head = head_of(self.model)
        with (
            torch.no_grad(),
            evaluating(self.model),
            attention(self.model, TREE if as_tree else plain),
            progress("scoring", len(texts), "requests") as task,
        ):
            for numbers, scored in self._scored(batches, head):
                for number, answer in zip(numbers, scored, strict=True):
                    answers[number] = answer
                    if on_scored is not None:
                        on_scored(number, answer)
                task.advance(len(numbers))
        return answers

    def score_rolling(
        self,
        texts: Sequence[Sequence[int]],
        prefix: int,
        on_scored: Callable[[int, float], object] | None = None,
    ) -> list[float]:
        """Log-likelihoods of whole texts after the token `prefix`; those longer than the context in windows.

        Args:
            on_scored: called with a text's number and its answer as soon as its last window is scored.

        Raises:
            DeviceError: as `score`.
        """
        pieces = [windows(tokens, prefix, self.max_length) for tokens in texts]
        owners = [number for number, each in enumerate(pieces) for _ in each]
        missing = [len(each) for each in pieces]
        sums = [0.0] * len(texts)

        def add(piece: int, answer: Scored) -> None:
            owner = owners[piece]
            sums[owner] += answer.logprob
            missing[owner] -= 1
            if not missing[owner] and on_scored is not None:
                on_scored(owner, sums[owner])

        for number, count in enumerate(missing):
            if not count and on_scored is not None:
                on_scored(number, 0.0)  # there is nothing in it that could be predicted
        self.score([piece for each in pieces for piece in each], add)
        return sums

    def _scored(self, batches: Batches, head: Head | None) -> Iterator[tuple[list[int], list[Scored]]]:
        """Numbers of requests and their answers, batch by batch."""
        module = self.model if head is None else decoder_of(self.model)
        start = 0
        while start < len(batches.order):
            end = batches.end(start, self._room(head))
            try:
                answers = _answers(module, head, batches.lay(start, end), self.model.device)
            except torch.OutOfMemoryError as error:
                if end - start == 1:
                    raise _too_large(self.model.device) from error
                self._budget = max(1, self._budget // 2)
                continue
            yield batches.order[start:end], answers
            start = end

    def _room(self, head: Head | None) -> int:
        """Tokens of a batch; fewer where all their logits are there at once."""
        if head is not None:
            return self._budget
        vocab: int = self.model.config.get_text_config().vocab_size
        return min(self._budget, max(1, _LOGITS_BYTES // (4 * vocab)))


def tokens_of(batch_size: int | Literal["auto"], max_length: int) -> int | Literal["auto"]:
    """Tokens of so many texts at once, each as long as the model reads, 2,048 at most."""
    if batch_size == "auto":
        return "auto"
    return min(batch_size * min(max_length, _LONGEST_COUNTED), _ANY_NUMBER)


def _answers(module: Callable[..., Any], head: Head | None, laid: Laid, device: torch.device) -> list[Scored]:
    """One batch through the model; without a head, `module` gives logits."""
    ids = torch.from_numpy(laid.ids).to(device)
    if laid.depths is not None and laid.ends is not None:
        output = run_tree(module, ids, TokenTree(laid.depths, laid.ends))
    else:
        output = module(input_ids=ids, use_cache=False)
    read: Tensor = (output.logits if head is None else output.last_hidden_state).flatten(0, 1)
    logprobs, likeliest = log_likelihoods(read, head, laid.slots, laid.targets)
    starts = np.concatenate([[0], np.cumsum(laid.counts)[:-1]])
    sums = np.add.reduceat(logprobs, starts)
    greedy = np.logical_and.reduceat(likeliest, starts)
    return [Scored(float(a), bool(b)) for a, b in zip(sums, greedy, strict=True)]


def _plain_attention(model: PreTrainedModel) -> str:
    """What a model reads padded rows with; one with no attention to choose takes it as well."""
    return "sdpa" if getattr(model, "_supports_sdpa", False) else "eager"


def _tokens_for(model: PreTrainedModel) -> int:
    """Tokens of a batch that fit beside the model; on a CPU, those that its caches are good for."""
    if model.device.type != "cuda":
        return _TOKENS_ON_CPU
    config = model.config.get_text_config()
    hidden = getattr(config, "hidden_size", 4096)
    width = getattr(config, "intermediate_size", None) or 4 * hidden
    free, _ = torch.cuda.mem_get_info(model.device)
    of_token = model.dtype.itemsize * (12 * hidden + 4 * width)
    return min(_MOST_TOKENS, max(_FEWEST_TOKENS, int(_SHARE_OF_GPU * free / of_token)))


def _too_large(device: torch.device) -> DeviceError:
    return DeviceError(
        f"a single text needs more memory than {device} has left",
        hint="free the device, take a smaller dtype, or a shorter max_length",
    )
