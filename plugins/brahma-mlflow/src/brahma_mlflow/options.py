"""What can be said to the tracker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brahma.core.config.sections import Section


class MlflowOptions(Section):
    """Options of mlflow."""

    tracking_uri: Annotated[str, Field(min_length=1)] | None = None
    """A server or a folder; absent: MLFLOW_TRACKING_URI, else the folder `mlruns` of the output directory."""
    experiment: Annotated[str, Field(min_length=1)] = "brahma"
    """What the run is filed under."""
