"""A model that answers each request once: what the store holds is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lm_eval.api.model import LM

from brahma.evaluation.harness.plain import plain
from brahma.evaluation.harness.store import ResponseStore, request_key

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

    from brahma.evaluation.harness.chat import HarnessChat
    from brahma.evaluation.harness.language_model import BrahmaLM


class RememberingLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Asks the model what the store does not know, and keeps each response as it comes.

    Requests that are the same are asked once. Texts that are drawn at random are neither kept nor shared.

    Args:
        make: gives the model; called at the first request that nobody has answered.
        store: None keeps nothing.
        identity: of the model, for the store.
        chat: its template, where requests are conversations.

    Attributes:
        requests: different ones so far.
        remembered: of these, answered from the store.
        truncated: of these, how many lost their beginning, because the model's context is shorter.
        max_length: that context, in tokens; 0 as long as none was truncated.
    """

    def __init__(
        self,
        make: Callable[[], BrahmaLM],
        store: ResponseStore | None = None,
        identity: str = "",
        chat: HarnessChat | None = None,
    ) -> None:
        super().__init__()
        self._make = make
        self._store = store
        self._identity = identity
        self._chat = chat
        self._cut: set[bytes] = set()
        self.requests = self.remembered = self.truncated = self.max_length = 0

    @cached_property
    def model(self) -> BrahmaLM:
        made = self._make()
        made.set_cache_hook(self)
        made.on_cut = self.add_cut
        return made

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        answers = self._answers("loglikelihood", requests)
        return [(float(logprob), bool(greedy)) for logprob, greedy in answers]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        return [float(each) for each in self._answers("loglikelihood_rolling", requests)]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [str(each) for each in self._answers("generate_until", requests)]

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        assert self._chat is not None  # lm-eval asks for it where it was told to
        return self._chat.render(chat_history, add_generation_prompt=add_generation_prompt)

    @property
    def tokenizer_name(self) -> str:
        return self._chat.name if self._chat is not None else str(self.model.tokenizer_name)

    def add_cut(self, kind: str, arguments: Sequence[Any]) -> None:
        """What the model calls, before it answers, with each request that is longer than its context."""
        self._cut.add(self._key(kind, arguments))

    def add_partial(self, kind: str, arguments: Sequence[Any], response: Any) -> None:
        """What the model calls with each response as it comes."""
        if self._store is not None and not _is_drawn(arguments):
            key = self._key(kind, arguments)
            self._store.put(key, [plain(response), self._cut_to(key)])

    def _answers(self, kind: str, requests: list[Instance]) -> list[Any]:
        drawn = [_is_drawn(each.args) for each in requests]
        keys = [self._key(kind, each.args) for each in requests]
        first = {key: each for key, each, random in zip(keys, requests, drawn, strict=True) if not random}
        known = self._known(list(first))
        asked = {key: each for key, each in first.items() if key not in known}
        random = [each for each, is_drawn in zip(requests, drawn, strict=True) if is_drawn]
        fresh = getattr(self.model, kind)([*asked.values(), *random]) if asked or random else []
        known.update(zip(asked, fresh, strict=False))
        self._keep({key: known[key] for key in asked})
        self.requests += len(first) + len(random)
        self._count_cut(self._cut)
        texts = iter(fresh[len(asked) :])
        return [next(texts) if is_drawn else known[key] for key, is_drawn in zip(keys, drawn, strict=True)]

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        """What the store has of these."""
        kept = self._store.get(keys) if self._store is not None else {}
        self.remembered += len(kept)
        for _, cut_to in kept.values():
            self.truncated += cut_to > 0
            self.max_length = max(self.max_length, cut_to)
        return {key: response for key, (response, _) in kept.items()}

    def _keep(self, responses: dict[bytes, Any]) -> None:
        """All of them, whether or not the model told them as they came."""
        if self._store is not None:
            for key, response in responses.items():
                self._store.put(key, [plain(response), self._cut_to(key)])
            self._store.flush()

    def _count_cut(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.truncated += 1
            self.max_length = self._cut_to(key)
        self._cut.clear()

    def _cut_to(self, key: bytes) -> int:
        """Tokens that were left of a request; 0 of one that was not cut."""
        return self.model.max_length if key in self._cut else 0

    def _key(self, kind: str, arguments: Sequence[Any]) -> bytes:
        return request_key(self._identity, kind, arguments)


def _is_drawn(arguments: Sequence[Any]) -> bool:
    """Whether the answer is a matter of chance."""
    settings = arguments[1] if len(arguments) > 1 else None
    return isinstance(settings, dict) and bool(settings.get("do_sample") or settings.get("temperature"))
