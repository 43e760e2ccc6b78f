"""The Generator: a model that is loaded once and then writes, one text or many, whole or token by token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Unpack, cast

from brahma.core.errors import BrahmaError, ConfigError
from brahma.evaluation.loaded import LoadedModel
from brahma.evaluation.prompting import Messages, Prompt, budget, context_of
from brahma.evaluation.sampling import Sampling, SamplingOptions

if TYPE_CHECKING:
    from brahma.evaluation.prompt_encoding import PromptEncoder
    from brahma.evaluation.stream import Stream
    from brahma.evaluation.writing import Writer


@dataclass(frozen=True)
class Fitted:
    """A conversation that leaves room for an answer in the model's context.

    Attributes:
        messages: what is left of it.
        dropped: messages that were left out, the oldest first.
    """

    messages: list[dict[str, str]]
    dropped: int


class Generator(LoadedModel):
    """A model that writes.

        generator = Generator("runs/my-run")
        generator.generate(["Once upon", "The harbour"], temperature=0.5, max_new_tokens=40)
        for piece in generator.stream("It was"): print(piece, end="")

    Args:
        model_path: a run's name or folder (its best checkpoint is taken), a checkpoint's or model's folder,
            or a hub id. Nothing is loaded before it is used.
        device: `auto` (an accelerator if there is one), `cpu`, `cuda`, `cuda:1`, `mps`.
        dtype: `float32`, `bfloat16` or `float16`; None: as it was saved.
        trust_remote_code: run code that the model's folder or repository ships.

    Raises:
        ModelError: there is no such model.
    """

    _made: Writer | None = None

    @property
    def context(self) -> int | None:
        """Tokens that prompt and answer may have together; None: no limit is known."""
        return context_of(self.model)

    def generate(
        self,
        prompts: Prompt | Sequence[Prompt],
        *,
        num_samples: int = 1,
        batch_size: int = 8,
        **sampling: Unpack[SamplingOptions],
    ) -> list[str]:
        """What the model writes after each prompt; only what is new.

        A text ends at the end-of-text token, at the template's end of turn, at a stop text, or after
        `max_new_tokens`. Each answer has random numbers of its own, from the seed, the prompt's place in the
        list and the sample's number: they are the same whatever the batch size.

        Args:
            prompts: texts to go on from, conversations (`[{"role": "user", "content": "…"}]`) to answer, or
                one of these.
            num_samples: answers to each prompt; they follow each other in the list.
            batch_size: texts written at once.
            sampling: the settings of `Sampling`: temperature, top_p, seed, …

        Raises:
            ConfigError: a number out of its range, or an empty prompt.
            TemplateError: messages for a tokenizer without a chat template, or that it refuses.
            ModelError: a prompt and its new text are longer than the model's context; it is named.
        """
        return self.generate_with(
            _listed(prompts), Sampling(**sampling), num_samples=num_samples, batch_size=batch_size
        )

    def generate_with(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        *,
        num_samples: int = 1,
        batch_size: int = 8,
        first: int = 0,
    ) -> list[str]:
        """As `generate`, with settings that were made before.

        Args:
            first: the number of the first prompt, when these are a part of many.
        """
        from brahma.evaluation.writing import Task

        check_counts(num_samples=num_samples, batch_size=batch_size)
        tasks = []
        for number, prompt in enumerate(prompts):
            ids, room = self._fits(prompt, sampling, number if len(prompts) > 1 else None)
            ends = self._ends(prompt)
            tasks += [
                Task(ids, room, ends, ((first + number) * num_samples) + sample)
                for sample in range(num_samples)
            ]
        return self._writer.write(tasks, sampling, batch_size=batch_size)

    def stream(self, prompt: Prompt, **sampling: Unpack[SamplingOptions]) -> Stream:
        """What the model writes after a prompt, piece by piece, as it is written.

        A piece is at least one whole character. The text is the one that `generate` gives. Work that the
        last stream has done on the same beginning is not done again, so a conversation goes on quickly.

        Args:
            prompt: a text to go on from, or a conversation to answer.
            sampling: the settings of `Sampling`.

        Raises:
            BrahmaError: as `generate`.
        """
        return self.stream_with(prompt, Sampling(**sampling))

    def stream_with(self, prompt: Prompt, sampling: Sampling) -> Stream:
        """As `stream`, with settings that were made before."""
        from brahma.evaluation.stream import Stream
        from brahma.evaluation.writing import Task

        ids, room = self._fits(prompt, sampling, None)
        return Stream(self._writer, Task(ids, room, self._ends(prompt), 0), sampling)

    def fit(self, messages: Messages, sampling: Sampling) -> Fitted:
        """The conversation without its oldest turns, as many as must go to leave room for an answer.

        The system message and the last message always stay.

        Raises:
            ModelError: even the last message alone leaves no room.
        """
        kept, dropped = [dict(message) for message in messages], 0
        while not self._has_room(kept, sampling):
            start = 1 if kept[0]["role"] == "system" else 0
            if len(kept) - start < 3:  # the last question, with nothing before it
                self._fits(kept, sampling, None)
                break
            del kept[start : start + 2]
            dropped += 2
        return Fitted(kept, dropped)

    def room(self, prompt: Prompt, sampling: Sampling) -> int:
        """New tokens that may follow this prompt.

        Raises:
            BrahmaError: as `generate`.
        """
        return self._fits(prompt, sampling, None)[1]

    def count_tokens(self, prompt: Prompt) -> int:
        """Tokens of a prompt, or of a conversation up to where the answer begins."""
        return len(self._prompts.encode(prompt))

    @cached_property
    def _prompts(self) -> PromptEncoder:
        from brahma.evaluation.prompt_encoding import PromptEncoder

        return PromptEncoder(self.tokenizer)

    @property
    def _writer(self) -> Writer:
        from brahma.evaluation.writing import Writer

        if self._made is None:
            self._made = Writer(self.model, self.tokenizer)
        return self._made

    def _ends(self, prompt: Prompt) -> tuple[int, ...]:
        from brahma.evaluation.prompt_encoding import stop_ids

        return tuple(stop_ids(self.model, self.tokenizer, with_turns=not isinstance(prompt, str)))

    def _fits(self, prompt: Prompt, sampling: Sampling, number: int | None) -> tuple[list[int], int]:
        """Ids and new tokens of a prompt; an error names the prompt by its place in a list, from 1."""
        try:
            ids = self._prompts.encode(prompt)
            return ids, budget(self.context, len(ids), sampling.max_new_tokens)
        except BrahmaError as error:
            if number is not None and error.where is None:
                error.where = f"prompt {number + 1}"
            raise

    def _has_room(self, messages: Messages, sampling: Sampling) -> bool:
        if self.context is None:
            return True
        wanted = sampling.max_new_tokens or max(1, min(256, self.context // 4))
        return self.count_tokens(messages) + wanted <= self.context


def _listed(prompts: Prompt | Sequence[Prompt]) -> Sequence[Prompt]:
    """One prompt, which is a text or a list of messages, as a list of prompts."""
    is_one = isinstance(prompts, str) or (len(prompts) > 0 and isinstance(prompts[0], Mapping))
    return cast("Sequence[Prompt]", [prompts] if is_one else prompts)


def check_counts(**counts: int) -> None:
    """Refuse a number below 1.

    Raises:
        ConfigError: the first such number, by its name.
    """
    for name, count in counts.items():
        if count < 1:
            raise ConfigError(f"{name} is {count}", where=name, hint="It must be at least 1")
