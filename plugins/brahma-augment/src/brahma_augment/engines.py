"""Engines by name: `wordnet`, `apertium:en-eo`, `hf:DIR`, `seq2seq:DIR,DIR`, `openai:URL`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from brahma.core.errors import ConfigError
from brahma.core.suggest import suggestion
from brahma.data.augmentation.contract import Augmenter
from brahma_augment.options import BacktranslationOptions, EngineOptions, ParaphraseOptions

if TYPE_CHECKING:
    from brahma_augment.prompts import PromptTask

_PIVOT = "en-eo"
"""Esperanto: of the pairs tried, its trips are the fastest and lose the least."""


def paraphraser(options: ParaphraseOptions, seed: int) -> Augmenter:
    """The augmenter of `paraphrase`."""
    name, value = _parts(options.engine)
    if name == "wordnet":
        from brahma_augment.paraphrase import WordNetParaphraser

        return WordNetParaphraser(seed, Path(value).expanduser() if value else None)
    if name == "seq2seq":
        from brahma_augment.seq2seq import Seq2Seq

        return Seq2Seq([_folder(options, value)], seed, options)
    if name in ("hf", "openai"):
        from brahma_augment.prompts import Paraphrase

        return _by_prompts(name, value, Paraphrase(), options, seed)
    raise _unknown(options, name, ("wordnet", "hf", "seq2seq", "openai"))


def backtranslator(options: BacktranslationOptions, seed: int) -> Augmenter:
    """The augmenter of `backtranslation`."""
    name, value = _parts(options.engine)
    if name == "apertium":
        from brahma_augment.backtranslation import ApertiumTrip

        directions = [each.strip() for each in (value or _PIVOT).split(",") if each.strip()]
        return ApertiumTrip(seed, directions, options.wordnet, options.timeout)
    if name == "seq2seq":
        from brahma_augment.seq2seq import Seq2Seq

        there, comma, back = value.partition(",")
        if not comma:
            raise _bad(options, "a back-translation needs two models", "seq2seq:DIR-en-xx,DIR-xx-en")
        return Seq2Seq([_folder(options, there), _folder(options, back)], seed, options)
    if name in ("hf", "openai"):
        from brahma_augment.prompts import RoundTrip

        return _by_prompts(name, value, RoundTrip(options.language), options, seed)
    raise _unknown(options, name, ("apertium", "seq2seq", "hf", "openai"))


def _by_prompts(name: str, value: str, task: PromptTask, options: EngineOptions, seed: int) -> Augmenter:
    from brahma_augment.prompts import Prompted

    if name == "hf":
        from brahma_augment.causal import CausalModel

        return Prompted(task, CausalModel(_folder(options, value), options), seed)
    from brahma_augment.server import Server

    if not value.startswith(("http://", "https://")):
        raise _bad(options, f"{value!r} is no address", "openai:http://localhost:8000/v1")
    return Prompted(task, Server(value, options), seed)


def _parts(engine: str) -> tuple[str, str]:
    name, _, value = engine.partition(":")
    return name, value


def _folder(options: EngineOptions, value: str) -> Path:
    folder = Path(value.strip()).expanduser()
    if not value.strip() or not (folder / "config.json").is_file():
        raise _bad(options, f"{value.strip()!r} is no folder of a model: it has no config.json", "hf:DIR")
    return folder


def _bad(options: EngineOptions, message: str, example: str) -> ConfigError:
    return ConfigError(
        message, where=f"engine {getattr(options, 'engine', '')!r}", hint=f"such as --engine {example}"
    )


def _unknown(options: EngineOptions, name: str, known: tuple[str, ...]) -> ConfigError:
    hint = suggestion(name, known, nothing="")
    return ConfigError(
        f"no engine is called {name!r}", where=f"engine {getattr(options, 'engine', '')!r}", hint=hint
    )
