"""What this plugin brings: the tracker `mlflow`."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import TrackerEntry
from brahma.core.hookspecs import hookimpl


@hookimpl
def brahma_trackers() -> Iterable[TrackerEntry]:
    """Chosen by `training_config.trackers`."""
    yield TrackerEntry(
        name="mlflow",
        target="brahma_mlflow.tracker:MlflowTracker",
        options="brahma_mlflow.options:MlflowOptions",
        summary="MLflow, on a server or in a folder",
    )
