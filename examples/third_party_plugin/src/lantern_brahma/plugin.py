"""What this distribution brings; heavy libraries are imported by the targets, not here."""

from collections.abc import Iterable

from brahma.core.entries import AugmenterEntry, OptimizerEntry, TrackerEntry
from brahma.core.hookspecs import hookimpl

BRAHMA_CONTRACT = 1


@hookimpl
def brahma_optimizers() -> Iterable[OptimizerEntry]:
    yield OptimizerEntry(
        name="signum",
        target="lantern_brahma.optimizer:build",
        options="lantern_brahma.options:SignumOptions",
        summary="The sign of the momentum",
        state_bytes=4.0,
    )


@hookimpl
def brahma_augmenters() -> Iterable[AugmenterEntry]:
    yield AugmenterEntry(
        name="word_order",
        target="lantern_brahma.augmenter:WordOrder",
        options="lantern_brahma.options:WordOrderOptions",
        summary="Swaps neighbouring words",
    )


@hookimpl
def brahma_trackers() -> Iterable[TrackerEntry]:
    yield TrackerEntry(
        name="loss_file",
        target="lantern_brahma.tracker:LossFile",
        options="lantern_brahma.options:LossFileOptions",
        summary="Losses as lines of text in the run's folder",
    )
