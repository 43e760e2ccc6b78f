"""What this plugin brings."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import AugmenterEntry
from brahma.core.hookspecs import hookimpl


@hookimpl
def brahma_augmenters() -> Iterable[AugmenterEntry]:
    """Paraphrases and back-translations."""
    yield AugmenterEntry(
        name="paraphrase",
        target="brahma_augment.engines:paraphraser",
        options="brahma_augment.options:ParaphraseOptions",
        summary="The same in other words: WordNet, or a model (engines hf, seq2seq, openai)",
    )
    yield AugmenterEntry(
        name="backtranslation",
        target="brahma_augment.engines:backtranslator",
        options="brahma_augment.options:BacktranslationOptions",
        summary="Into another language and back: Apertium, or models (engines seq2seq, hf, openai)",
    )
