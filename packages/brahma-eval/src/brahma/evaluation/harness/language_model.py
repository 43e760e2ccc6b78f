"""A model as lm-eval takes one: the same token ids and the same answers as its own HFLM, only sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from lm_eval.api.model import TemplateLM
from lm_eval.models.utils import resolve_max_length

from brahma.core.errors import TokenizerError
from brahma.core.progress import progress
from brahma.evaluation.scoring.requests import Request, Scored, is_cut
from brahma.evaluation.scoring.scorer import Scorer, tokens_of

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from brahma.evaluation.harness.chat import HarnessChat
    from brahma.evaluation.harness.generating import HarnessWriter

_AT_ONCE = 1000  # texts that are tokenised between two movements of the progress
_TEXTS_WRITTEN = {"cuda": 64}  # at once, where nobody says; halved where memory does not hold them
_TEXTS_WRITTEN_ELSEWHERE = 16

Pair = tuple[str, str]


class BrahmaLM(TemplateLM):  # type: ignore[misc]  # lm_eval has no types
    """Answers lm-eval's requests with a model and its tokenizer, both as they are.

    Each answer is handed to `cache_hook.add_partial(kind, arguments, answer)` as soon as its batch is done.

    Requests that are longer than the model's context are told to `on_cut(kind, arguments)` before.

    Args:
        max_length: tokens that the model reads at most; None: as HFLM finds it, in the model's configuration.
        batch_size: texts of that length, 2,048 tokens at most, at once; "auto": as many as the device is good
            for.
        seed: of texts that a task draws at random.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        max_length: int | None = None,
        batch_size: int | Literal["auto"] = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.tokenizer = tokenizer
        self.max_length: int = max_length or resolve_max_length(model.config, tokenizer)
        self.batch_size = batch_size
        self.on_cut: Callable[[str, Sequence[Any]], object] = lambda kind, arguments: None
        self._seed = seed
        self._device = model.device
        self._scorer = Scorer(model, self.max_length, tokens_of(batch_size, self.max_length))

    @property
    def truncated(self) -> int:
        """Requests so far that lost their beginning, because the model's context is shorter."""
        written = self.__dict__.get("_writer")
        return self._scorer.truncated + (written.cut if written is not None else 0)

    @property
    def eot_token_id(self) -> int | None:
        found: int | None = self.tokenizer.eos_token_id
        return found

    @cached_property
    def prefix_token_id(self) -> int:
        """What stands before a text that nothing stands before: the begin token, else the end token.

        Raises:
            TokenizerError: there is neither.
        """
        for found in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if found is not None:
                return int(found)
        raise TokenizerError(
            "the tokenizer has no begin and no end token",
            why="a text is scored from its beginning, which one of them marks",
            hint="set bos_token or eos_token in its tokenizer_config.json",
        )

    @property
    def tokenizer_name(self) -> str:
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_others: Any) -> list[int]:
        """Ids of a text, with a begin token where the tokenizer adds one and the text has none yet."""
        return self._ids([string], self._special(string, add_special_tokens))[0]

    def tok_encode_many(
        self, strings: Sequence[str], add_special_tokens: bool | None = None
    ) -> list[list[int]]:
        """The same of many; in threads, and of equal ones once."""
        groups: dict[bool | None, dict[str, list[int]]] = {}
        for string in strings:
            groups.setdefault(self._special(string, add_special_tokens), {})[string] = []
        with progress("tokenising", sum(map(len, groups.values())), "texts") as task:
            for special, known in groups.items():
                texts = list(known)
                for start in range(0, len(texts), _AT_ONCE):
                    part = texts[start : start + _AT_ONCE]
                    known.update(zip(part, self._ids(part, special), strict=True))
                    task.advance(len(part))
        return [groups[self._special(string, add_special_tokens)][string] for string in strings]

    def tok_decode(self, tokens: Sequence[int], skip_special_tokens: bool = True) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=skip_special_tokens))

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Log-likelihood of each continuation after its context, and whether it is the greedy one."""
        pairs: list[Pair] = [each.args for each in requests]

        def on_scored(number: int, answer: Scored) -> None:
            self.cache_hook.add_partial("loglikelihood", pairs[number], tuple(answer))

        asked = self.encode_pairs(pairs)
        for pair, request in zip(pairs, asked, strict=True):
            if is_cut(request, self.max_length):
                self.on_cut("loglikelihood", pair)
        return [(*each,) for each in self._scorer.score(asked, on_scored)]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihood of each whole text from its beginning, however long."""
        texts: list[str] = [each.args[0] for each in requests]

        def on_scored(number: int, answer: float) -> None:
            self.cache_hook.add_partial("loglikelihood_rolling", (texts[number],), answer)

        return self._scorer.score_rolling(self.tok_encode_many(texts), self.prefix_token_id, on_scored)

    def _loglikelihood_tokens(
        self, requests: list[tuple[Pair, list[int], list[int]]], **_others: Any
    ) -> list[tuple[float, bool]]:
        asked = [Request(context, continuation) for _, context, continuation in requests]
        return [(*each,) for each in self._scorer.score(asked)]

    def encode_pairs(self, pairs: Iterable[Pair]) -> list[Request]:
        """Token ids as lm-eval makes them: both together, split where the context alone ends.

        Blanks at the context's end go to the continuation. Nothing before a continuation is the begin token.
        """
        moved = [
            _blanks_moved(context, continuation) if context else ("", continuation)
            for context, continuation in pairs
        ]
        wholes = self.tok_encode_many([a + b for a, b in moved if a])
        contexts = self.tok_encode_many([a for a, _ in moved if a])
        alone = self.tok_encode_many([b for a, b in moved if not a], add_special_tokens=False)
        split = (
            Request(context, whole[len(context) :]) for context, whole in zip(contexts, wholes, strict=True)
        )
        first = map(self._from_beginning, alone)
        return [next(split) if context else next(first) for context, _ in moved]

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A conversation as text, by the tokenizer's own template."""
        return self._chat.render(chat_history, add_generation_prompt=add_generation_prompt)

    @cached_property
    def _chat(self) -> HarnessChat:
        from brahma.evaluation.harness.chat import HarnessChat

        return HarnessChat(self.tokenizer)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """The texts that a task asks for."""

        def on_text(arguments: Any, text: str) -> None:
            self.cache_hook.add_partial("generate_until", arguments, text)

        def on_cut(arguments: Any) -> None:
            self.on_cut("generate_until", arguments)

        return self._writer.write([each.args for each in requests], on_text, on_cut)

    @property
    def _texts_at_once(self) -> int:
        return _TEXTS_WRITTEN.get(self.model.device.type, _TEXTS_WRITTEN_ELSEWHERE)

    @cached_property
    def _writer(self) -> HarnessWriter:
        from brahma.evaluation.harness.generating import HarnessWriter

        return HarnessWriter(
            self.model,
            self.tokenizer,
            encode=self.tok_encode_many,
            max_length=self.max_length,
            batch_size=self._texts_at_once if self.batch_size == "auto" else self.batch_size,
            seed=self._seed,
        )

    def _from_beginning(self, ids: list[int]) -> Request:
        prefix = self.prefix_token_id
        return Request(ids[:1], ids[1:]) if ids[:1] == [prefix] else Request([prefix], ids)

    def _special(self, string: str, asked: bool | None) -> bool | None:
        """Whether special tokens are added: not before one; None: as the tokenizer does by itself."""
        return False if asked is None and string.startswith(self._prefix_text) else asked

    @cached_property
    def _prefix_text(self) -> str:
        return str(self.tokenizer.decode(self.prefix_token_id))

    def _ids(self, texts: list[str], special: bool | None) -> list[list[int]]:
        options = {} if special is None else {"add_special_tokens": special}
        found: list[list[int]] = self.tokenizer(
            texts, return_attention_mask=False, return_token_type_ids=False, verbose=False, **options
        )["input_ids"]
        return found


def _blanks_moved(context: str, continuation: str) -> Pair:
    kept = context.rstrip()
    return kept, context[len(kept) :] + continuation
