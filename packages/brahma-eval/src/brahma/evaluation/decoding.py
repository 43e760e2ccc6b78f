"""A batch, token by token, by transformers' own `generate`: its cache, its attention. Rows that ended leave.

B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor
from transformers import DynamicCache, StoppingCriteria, StoppingCriteriaList
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from brahma.core.errors import ModelError
from brahma.core.modes import attention, evaluating
from brahma.evaluation.choosing import Choice
from brahma.evaluation.sampling import Sampling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LEAVING = 4
"""Rows that ended leave when they are a fourth of the batch: each leaving copies the cache once."""


class Row(Protocol):
    """A text that is written."""

    @property
    def ending(self) -> object | None:
        """Why it ended; None while it grows."""

    def add(self, token: int) -> None:
        """The next token; nothing once the text has ended."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Texts to write together.

    Attributes:
        prompts: ids of each.
        rows: what takes their tokens.
        choice: how these are chosen.
        budget: new tokens at most.
        ends: ids that end a text.
        repetition_penalty: see `Sampling`.
        more: further arguments of transformers' `generate`.
        on_token: called with a row after each of its tokens.
        cancelled: set it from anywhere; all texts end with the token that is being written.
    """

    prompts: Sequence[Sequence[int]]
    rows: Sequence[Row]
    choice: Choice
    budget: int
    ends: Sequence[int]
    repetition_penalty: float = 1.0
    more: Mapping[str, Any] = field(default_factory=dict)
    on_token: Callable[[Any], None] = lambda row: None
    cancelled: Event = field(default_factory=Event)


class Decoder:
    """Writes batches with one model; one call at a time.

    Raises:
        ModelError: the model is no language model that writes.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        if not model.can_generate():
            raise ModelError(
                "this model cannot write text",
                why=f"{type(model).__name__} is no language model that goes on from a text",
                hint="Give a causal language model",
            )
        self._model = model

    @property
    def equal_lengths(self) -> bool:
        """Whether the prompts of a batch must be of one length: the model's state would remember padding."""
        return bool(self._model._is_stateful)

    def run(self, batch: Batch, cache: DynamicCache | None = None) -> Tensor:
        """Give each row its tokens, until all ended or the budget is spent.

        Args:
            cache: keys and values of ids that all prompts begin with; it is filled further.

        Returns:
            Ids of the rows that were written to the last, prompts and padding among them, [B, T].
        """
        shared = cache.get_seq_length() if cache is not None else 0
        ids_BT, mask_BT = (tensor.to(self._model.device) for tensor in _laid_out(batch.prompts, shared))
        live, budget = list(range(len(batch.rows))), batch.budget
        cache = new_cache(self._model, DynamicLayer, DynamicSlidingWindowLayer) if cache is None else cache
        function = "sdpa" if self._model._supports_sdpa else "eager"
        with evaluating(self._model), attention(self._model, function), torch.no_grad():
            while True:
                reader = _Reader(batch, live, may_leave=cache is not None)
                written_BT = self._generate(batch, live, ids_BT, mask_BT, cache, budget, reader)
                new = written_BT.shape[1] - ids_BT.shape[1]
                budget -= new
                stay = [place for place, row in enumerate(live) if batch.rows[row].ending is None]
                if not reader.leaving or not stay or budget <= 0:
                    return written_BT
                assert cache is not None  # else nobody leaves
                chosen = torch.tensor(stay, device=ids_BT.device)
                cache.batch_select_indices(chosen)
                ids_BT = written_BT[chosen]
                mask_BT = torch.cat([mask_BT[chosen], mask_BT.new_ones(len(stay), new)], dim=1)
                live = [live[place] for place in stay]

    def prefix(self, past: Past, ids: Sequence[int], rows: int) -> DynamicCache | None:
        """Keys and values of ids, for so many rows; None where the model's cache cannot be shared.

        Args:
            past: holds those of the last prefix, and those of this one afterwards.
        """
        with past.of([*ids, ids[-1]]) as kept:  # `of` leaves a token out, which is then to be run
            if kept is None:
                return None
            if len(kept.ids) < len(ids):
                choice = Choice(Sampling(temperature=0), [0], self._model.device)
                one = Batch(prompts=[ids], rows=[_Nobody()], choice=choice, budget=1, ends=())
                self.run(one, kept.cache)
                kept.ids = list(ids)
            cache = deepcopy(kept.cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _generate(
        self,
        batch: Batch,
        live: Sequence[int],
        ids_BT: Tensor,
        mask_BT: Tensor,
        cache: DynamicCache | None,
        budget: int,
        reader: _Reader,
    ) -> Tensor:
        writer = cast(Any, self._model)  # transformers types `generate` by a protocol that no model fits
        written_BT: Tensor = writer.generate(
            ids_BT,
            attention_mask=mask_BT,
            past_key_values=cache,
            max_new_tokens=budget,
            max_length=None,  # the model may bring one; both together make transformers complain
            eos_token_id=list(batch.ends) or None,
            pad_token_id=next(iter(batch.ends), 0),  # what an ended row goes on with; nobody reads it
            use_cache=True,
            do_sample=False,  # the token is drawn by the last processor
            temperature=None,  # None: else transformers warns of the model's own settings
            top_k=None,
            top_p=None,
            min_p=None,
            repetition_penalty=batch.repetition_penalty,
            logits_processor=batch.choice.of(live),
            stopping_criteria=StoppingCriteriaList([reader]),
            **batch.more,
        )
        return written_BT


class _Nobody:
    """A row of which nothing is kept."""

    ending = None

    def add(self, token: int) -> None:
        return


class _Reader(StoppingCriteria):
    """Reads the token that each row got, and says which rows are done.

    Attributes:
        leaving: it has stopped all rows, so that those which ended can leave.
    """

    def __init__(self, batch: Batch, live: Sequence[int], *, may_leave: bool) -> None:
        self._batch = batch
        self._rows = [batch.rows[row] for row in live]
        self._may_leave = may_leave and len(live) > 1
        self.leaving = False

    def __call__(self, input_ids: Tensor, scores: object, **_: object) -> Any:
        """[B, T] -> bool [B]."""
        if not self.leaving:  # on some devices one more token is made than was asked for
            for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
                row.add(token)
                self._batch.on_token(row)
        done = [row.ending is not None for row in self._rows]
        self.leaving |= self._may_leave and sum(done) * _LEAVING >= len(done)
        stop = self.leaving or self._batch.cancelled.is_set()
        return torch.tensor([stop or each for each in done], device=input_ids.device)


def _laid_out(prompts: Sequence[Sequence[int]], shared: int) -> tuple[Tensor, Tensor]:
    """Ids and mask, both [B, T]: padding stands after the shared beginning, and before what is not shared.

    A row is filled with its own first id: no id is in it that was not there, which a repetition penalty
    would see.
    """
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    pairs = list(zip(prompts, padding, strict=True))
    ids = [[*prompt[:shared], *[prompt[0]] * fill, *prompt[shared:]] for prompt, fill in pairs]
    mask = [[1] * shared + [0] * fill + [1] * (len(prompt) - shared) for prompt, fill in pairs]
    return torch.tensor(ids), torch.tensor(mask)


def new_cache(model: PreTrainedModel, *layers: type) -> DynamicCache | None:
    """An empty cache; None for models that keep something else than these layers, such as a state."""
    settings = model.generation_config
    if model._is_stateful or (settings is not None and settings.cache_implementation):
        return None
    cache = DynamicCache(config=model.config)
    return cache if cache.layers and all(type(layer) in layers for layer in cache.layers) else None


@dataclass
class Prefix:
    """A cache of keys and values, and the ids it was made from."""

    cache: DynamicCache
    ids: list[int]


class Past:
    """The cache of the last text, for one that begins with the same tokens."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._kept: Prefix | None = None

    @contextmanager
    def of(self, ids: Sequence[int]) -> Iterator[Prefix | None]:
        """A cache that holds a beginning of `ids`, perhaps none of it; kept if all goes well.

        None for models whose cache cannot be cut back: windows, recurrent states.
        """
        prefix, self._kept = self._kept or self._new(), None
        if prefix is not None:
            most = len(ids) - 1  # one token at least must be run
            shared = min(shared_length([prefix.ids, list(ids)]), most)
            prefix.cache.crop(shared - len(prefix.ids))
            prefix.ids = prefix.ids[:shared]
        yield prefix
        self._kept = prefix

    def _new(self) -> Prefix | None:
        cache = new_cache(self._model, DynamicLayer)
        return Prefix(cache, []) if cache is not None else None


def shared_length(rows: Sequence[list[int]]) -> int:
    """Length of the common beginning."""
    least, most = min(rows), max(rows)  # whatever lies between them in order begins as both do
    pairs = enumerate(zip(least, most, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(least), len(most)))
