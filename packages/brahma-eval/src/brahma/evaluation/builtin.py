"""What brahma-eval brings, registered through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import CommandEntry, MetricEntry
from brahma.core.hookspecs import hookimpl


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
