"""What `generate_until` asks for: the texts of lm-eval's own HFLM, one row a batch, only sooner.

Requests with equal settings are written together, longest first; a row leaves its batch when it has ended;
and what all prompts of a batch begin with, such as few-shot examples, is computed once. HFLM lets rows that
have ended go on until all have, and cuts them afterwards, so that what it gives may depend on its batches;
here a text ends at the token that ends it, which is what HFLM gives with a batch size of 1.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs, postprocess_generated_text

from brahma.core.errors import ConfigError, ModelError
from brahma.core.progress import progress
from brahma.evaluation.choosing import Choice
from brahma.evaluation.decoding import Batch, Decoder, Past, shared_length
from brahma.evaluation.prompt_encoding import stop_ids
from brahma.evaluation.sampling import Sampling
from brahma.evaluation.writing import alike

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

MAX_NEW_TOKENS = 256
"""Where a task does not say, as in HFLM."""
_TOP_K = 50
"""transformers' own default where neither the task nor the model says."""
_WORTH_SHARING = 16
"""Tokens that all prompts begin with, below which computing them apart does not pay."""

Request = tuple[str, Mapping[str, Any]]
"""A prompt, and the task's `generation_kwargs`."""
Task = tuple[list[int], int]
"""A prompt's ids, and what the text's random numbers are drawn for."""


@dataclass(frozen=True)
class Settings:
    """How the texts of equal `generation_kwargs` are written.

    Attributes:
        stops: texts that end one, the end token's among them.
        budget: new tokens at most.
        sampling: how tokens are chosen; its seed is the one of the evaluation.
        more: what transformers' `generate` takes beside.
    """

    stops: tuple[str, ...]
    budget: int
    sampling: Sampling
    more: Mapping[str, Any] = field(default_factory=dict)


class HarnessWriter:
    """Writes requests with one model.

    Args:
        encode: token ids of prompts, as likelihoods encode them.
        max_length: of prompt and text together, in tokens.
        batch_size: texts at once; halved where a GPU's memory does not hold them.
        seed: of sampled texts. The random numbers of one follow from its prompt and from how often that was
            asked before in one call, so they depend neither on batches nor on other requests.

    Attributes:
        cut: prompts so far that were longer than the context leaves room for, and lost their beginning.

    Raises:
        ModelError: the model is no language model that writes.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        encode: Callable[[Sequence[str]], list[list[int]]],
        max_length: int,
        batch_size: int,
        seed: int = 0,
    ) -> None:
        self._decoder = Decoder(model)
        self._past = Past(model)
        self._model, self._tokenizer, self._encode = model, tokenizer, encode
        self._max_length, self._batch_size, self._seed = max_length, batch_size, seed
        self.cut = 0

    def write(
        self,
        requests: Sequence[Request],
        on_text: Callable[[Request, str], None] = lambda request, text: None,
        on_cut: Callable[[Request], None] = lambda request: None,
    ) -> list[str]:
        """The texts, in the order of the requests.

        Args:
            on_text: called with each request and its text as soon as its batch is written.
            on_cut: called before that with each request that loses its beginning.

        Raises:
            ModelError: a task wants so many new tokens that the context has no room for a prompt.
            ConfigError: settings of a task that cannot be met; the setting is named.
        """
        keys = [_key(options) for _, options in requests]
        settings = {
            key: self._settings(options)
            for key, (_, options) in dict(zip(keys, requests, strict=True)).items()
        }
        whole = self._encode([context for context, _ in requests])
        rooms = [self._max_length - settings[key].budget for key in keys]
        for request, prompt, room in zip(requests, whole, rooms, strict=True):
            if len(prompt) > room:
                self.cut += 1
                on_cut(request)
        ids = [each[-room:] or [self._first] for each, room in zip(whole, rooms, strict=True)]
        tasks = list(zip(ids, _numbers(requests, keys), strict=True))
        texts = [""] * len(requests)
        sizes = [(key, len(each)) for key, each in zip(keys, ids, strict=True)]
        with progress("writing", len(requests), "texts") as moving:
            for group in alike(sizes, equal_lengths=self._decoder.equal_lengths):
                for index, text in self._group(group, tasks, settings[keys[group[0]]]):
                    texts[index] = text
                    on_text(requests[index], text)
                    moving.advance()
        return texts

    def _group(
        self, group: list[int], tasks: Sequence[Task], settings: Settings
    ) -> Iterator[tuple[int, str]]:
        """Index and text of each, batch by batch; where memory is short, in smaller batches from then on."""
        while group:
            batch = group[: self._batch_size]
            try:
                written = self._write_batch([tasks[index] for index in batch], settings)
            except torch.OutOfMemoryError:
                if len(batch) == 1:
                    raise
                self._batch_size = len(batch) // 2
                continue
            group = group[len(batch) :]
            yield from zip(batch, written, strict=True)

    def _settings(self, options: Mapping[str, Any]) -> Settings:
        """Of a task's `generation_kwargs`.

        Raises:
            ModelError, ConfigError: as `write`.
        """
        given: dict[str, Any] = dict(normalize_gen_kwargs(dict(options), MAX_NEW_TOKENS))
        stops = handle_stop_sequences(given.pop("until", None), eos=self._end_text)
        budget = given.pop("max_gen_toks")
        if budget < 1 or budget >= self._max_length:
            raise ModelError(
                f"{budget:,} new tokens leave no room for a prompt in the model's context of "
                f"{self._max_length:,}",
                why="the task asks for so many",
                hint="Leave this task out, or take a model with a longer context",
            )
        sampling = self._sampling(given)
        _refuse_unknown(given)
        return Settings(tuple(stops), budget, sampling, given)

    def _sampling(self, given: dict[str, Any]) -> Sampling:
        """What decides on tokens, taken out of `given`; the model's own settings where a task is silent."""
        own = self._model.generation_config
        samples, temperature = given.pop("do_sample"), given.pop("temperature", 0.0)
        found: dict[str, Any] = {}
        for name, default in (("top_k", _TOP_K), ("top_p", 1.0), ("min_p", 0.0), ("repetition_penalty", 1.0)):
            asked, saved = given.pop(name, None), getattr(own, name, None)
            value = asked if asked is not None else saved if saved is not None else default
            found[name] = value
        return Sampling(temperature=float(temperature) if samples else 0.0, seed=self._seed, **found)

    @cached_property
    def _end_text(self) -> str | None:
        """The end token as text; a model may also spell it in other tokens."""
        end = self._tokenizer.eos_token_id
        return None if end is None else str(self._tokenizer.decode(end, skip_special_tokens=False))

    @cached_property
    def _ends(self) -> list[int]:
        return stop_ids(self._model, self._tokenizer, with_turns=False)

    @cached_property
    def _first(self) -> int:
        """What stands for an empty prompt.

        Raises:
            ConfigError: the tokenizer has neither a start nor an end token.
        """
        for token in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        raise ConfigError(
            "a task gives an empty prompt, and this tokenizer has no start token to begin with",
            hint="Leave this task out",
        )

    def _write_batch(self, tasks: Sequence[Task], settings: Settings) -> list[str]:
        prompts = [ids for ids, _ in tasks]
        rows = [StoppedText(self._spelled, self._ends, settings.stops) for _ in tasks]
        batch = Batch(
            prompts=prompts,
            rows=rows,
            choice=Choice(settings.sampling, [number for _, number in tasks], self._model.device),
            budget=settings.budget,
            ends=self._ends,
            repetition_penalty=settings.sampling.repetition_penalty,
            more=settings.more,
        )
        self._decoder.run(batch, self._shared(prompts))
        return [self._text(row.ids, settings.stops) for row in rows]

    def _shared(self, prompts: Sequence[list[int]]) -> DynamicCache | None:
        """Keys and values of what all prompts begin with, where that is worth it."""
        shared = min(shared_length(prompts), min(map(len, prompts)) - 1)  # each has a token of its own to run
        if len(prompts) == 1 or shared < _WORTH_SHARING:
            return None
        return self._decoder.prefix(self._past, prompts[0][:shared], len(prompts))

    def _spelled(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def _text(self, ids: Sequence[int], stops: Sequence[str]) -> str:
        """What was written, in HFLM's words: decoded as the tokenizer does it, cut at the first stop text."""
        text = str(self._tokenizer.decode(list(ids), skip_special_tokens=True))
        return str(postprocess_generated_text(text, list(stops), None))


class StoppedText:
    """The ids of one text, until an end token or a stop text comes.

    Attributes:
        ids: all that were written, an end token among them.
        ending: `end`, `stop`, or None while it grows.
    """

    def __init__(
        self, spelled: Callable[[Sequence[int]], str], ends: Sequence[int], stops: Sequence[str]
    ) -> None:
        self._spelled, self._ends, self._stops = spelled, frozenset(ends), tuple(filter(None, stops))
        # a token is a byte at least; two more, as the first ones of a stretch may be spelled otherwise alone
        self._stretch = max((len(stop.encode()) for stop in self._stops), default=0) + 2
        self.ids: list[int] = []
        self.ending: str | None = None

    def add(self, token: int) -> None:
        """The next token; nothing once the text has ended."""
        if self.ending is not None:
            return
        self.ids.append(token)
        if token in self._ends:
            self.ending = "end"
        elif self._stops:
            last = self._spelled(self.ids[-self._stretch :])
            self.ending = "stop" if any(stop in last for stop in self._stops) else None


def _key(options: Mapping[str, Any]) -> str:
    return json.dumps(options, sort_keys=True, default=str)


def _numbers(requests: Sequence[Request], keys: Sequence[str]) -> list[int]:
    """What each text's random numbers are drawn for: its request, and how often that was there before."""
    seen: Counter[tuple[str, str]] = Counter()
    numbers = []
    for (context, _), key in zip(requests, keys, strict=True):
        before = seen[context, key]
        seen[context, key] += 1
        digest = hashlib.blake2b(json.dumps([context, key, before]).encode(), digest_size=8).digest()
        numbers.append(int.from_bytes(digest, "big"))
    return numbers


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    """Raises ConfigError for what would change how batches are written."""
    beams = given.get("num_beams", 1)
    if beams != 1:
        raise ConfigError(
            f"the task wants a beam search, num_beams={beams}",
            why="texts are written by taking or drawing one token at a time",
            hint="Leave this task out",
        )
