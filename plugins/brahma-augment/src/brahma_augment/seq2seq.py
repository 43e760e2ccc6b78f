"""Local models that turn a sentence into another one: MarianMT, T5 and their like, by their folders."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from brahma.core.errors import ModelError
from brahma.core.extras import needs
from brahma.data.augmentation.contract import Augmenter, Outcome
from brahma_augment.options import EngineOptions
from brahma_augment.sentences import sentence_spans, with_sentences

_BEAMS = 4


class Seq2Seq(Augmenter):
    """Models one after the other: one that paraphrases, or two that translate there and back.

    The first variant is the likeliest (beam search); further ones are drawn.

    Args:
        folders: of the models, in order.
        seed: of what is drawn.
        options: `temperature`, `max_new_tokens` and `batch_size` count.
    """

    def __init__(self, folders: Sequence[Path], seed: int, options: EngineOptions) -> None:
        self.engine = f"seq2seq {','.join(folder.name for folder in folders)}"
        self.batch_size = 4 * options.batch_size
        self._seed, self._options = seed, options
        self._models = [_load(folder) for folder in folders]

    def variants(self, passages: Sequence[str], count: int) -> list[Outcome]:
        cuts = [sentence_spans(passage) for passage in passages]
        sentences = [
            text[start:end] for text, spans in zip(passages, cuts, strict=True) for start, end in spans
        ]
        rounds = []
        for number in range(count if self._options.temperature > 0 else 1):
            current = sentences
            for tokenizer, model in self._models:
                current = self._written(tokenizer, model, current, number)
            rounds.append(iter(current))
        return [
            list(
                dict.fromkeys(with_sentences(text, spans, list(islice(each, len(spans)))) for each in rounds)
            )
            for text, spans in zip(passages, cuts, strict=True)
        ]

    def _written(self, tokenizer: Any, model: Any, sentences: Sequence[str], number: int) -> list[str]:
        import torch

        found: list[str] = []
        for first in range(0, len(sentences), self._options.batch_size):
            batch = list(sentences[first : first + self._options.batch_size])
            inputs = tokenizer(batch, return_tensors="pt", padding=True, truncation=True).to(model.device)
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(_seed_of(self._seed, number, batch))
                ids = model.generate(
                    **inputs, max_new_tokens=self._options.max_new_tokens, **self._how(number)
                )
            found += [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]
        return found

    def _how(self, number: int) -> dict[str, Any]:
        if number == 0:
            return {"num_beams": _BEAMS, "do_sample": False}
        return {"num_beams": 1, "do_sample": True, "temperature": self._options.temperature}


def _load(folder: Path) -> tuple[Any, Any]:
    with needs("brahma-augment[models]", "a local model"):
        import torch
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            "the model cannot be loaded",
            where=str(folder),
            why=str(error).splitlines()[0],
            hint="Give the folder of a sequence-to-sequence model: config, tokenizer and safetensors weights",
        ) from error
    return tokenizer, model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _seed_of(seed: int, number: int, batch: Sequence[str]) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{number}:{batch}".encode(), digest_size=7).digest())
