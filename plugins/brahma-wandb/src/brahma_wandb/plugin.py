"""What this plugin brings: the tracker `wandb`."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import TrackerEntry
from brahma.core.hookspecs import hookimpl


@hookimpl
def brahma_trackers() -> Iterable[TrackerEntry]:
    """Chosen by `training_config.trackers`."""
    yield TrackerEntry(
        name="wandb",
        target="brahma_wandb.tracker:WandbTracker",
        options="brahma_wandb.options:WandbOptions",
        summary="Weights & Biases, online or for later",
    )
