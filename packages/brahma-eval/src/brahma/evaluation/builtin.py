"""What brahma-eval brings, registered through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import CommandEntry, MetricEntry
from brahma.core.hookspecs import hookimpl

_OF_ANSWERS = (
    (
        "exact_match",
        "brahma.evaluation.custom.overlap:exact_match",
        "Share of answers that are right but for case, punctuation and articles, as SQuAD's",
    ),
    (
        "verbatim_match",
        "brahma.evaluation.custom.overlap:verbatim_match",
        "Share of answers that are right to the letter",
    ),
    ("f1", "brahma.evaluation.custom.overlap:f1", "Mean F1 of the answers' words, as SQuAD's"),
    ("bleu", "brahma.evaluation.custom.libraries:bleu", "sacrebleu's BLEU of all answers, 0 to 100"),
    ("rouge_l", "brahma.evaluation.custom.libraries:rouge_l", "Mean ROUGE-L F, by rouge-score"),
)
"""Name, target, summary."""


@hookimpl
def brahma_metrics() -> Iterable[MetricEntry]:
    return [
        MetricEntry(
            name="loss",
            target="brahma.evaluation.totals:loss",
            summary="Mean negative log-likelihood of a token, in nats",
        ),
        MetricEntry(
            name="perplexity",
            target="brahma.evaluation.totals:perplexity",
            summary="exp(loss)",
        ),
        MetricEntry(
            name="bits_per_byte",
            target="brahma.evaluation.totals:bits_per_byte",
            summary="Bits per UTF-8 byte; comparable between tokenizers",
        ),
        *(
            MetricEntry(name=name, target=target, summary=summary, of="answers", higher_is_better=True)
            for name, target, summary in _OF_ANSWERS
        ),
    ]


@hookimpl
def brahma_commands() -> Iterable[CommandEntry]:
    return [
        CommandEntry(
            name="chat",
            target="brahma.evaluation.commands.chat:chat",
            summary="Talk with a model",
        ),
        CommandEntry(
            name="evaluate",
            target="brahma.evaluation.commands.evaluate:evaluate",
            summary="Measure models on tasks and on your own data",
        ),
        CommandEntry(
            name="generate",
            target="brahma.evaluation.commands.generate:generate",
            summary="Let a model write",
        ),
        CommandEntry(
            name="merge",
            target="brahma.evaluation.commands.merge:merge",
            summary="Make a plain model of an adapter and its base",
        ),
    ]
