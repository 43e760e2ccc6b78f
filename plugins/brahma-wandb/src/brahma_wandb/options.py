"""What can be said to the tracker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brahma.core.config.sections import Section

Name = Annotated[str, Field(min_length=1)]


class WandbOptions(Section):
    """Options of wandb."""

    project: Name = "brahma"
    """What the run is filed under."""
    entity: Name | None = None
    """Team or user; absent: your own."""
    mode: Literal["auto", "online", "offline"] = "auto"
    """`auto`: what WANDB_MODE says, else online where an API key is known, else offline."""
    group: Name | None = None
    """Runs that belong together."""
    tags: list[Name] | None = None
    """Words to find the run by."""
