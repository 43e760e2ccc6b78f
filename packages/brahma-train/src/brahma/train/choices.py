"""The options of optimizers and schedules; apart from them, so that checking a name imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brahma.core.config import Section


class DecayOptions(Section):
    """Options of the schedules linear and cosine."""

    min_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The rate's floor at the end, as a part of `lr`."""


class AdamWOptions(Section):
    """Options of adamw."""

    fused: bool = True
    """One kernel for the whole update."""


class MuonOptions(Section):
    """Options of muon."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Of the running mean of gradients."""
    nesterov: bool = True
    """Look one step ahead along the momentum."""
    ns_steps: Annotated[int, Field(ge=1, le=20)] = 5
    """Newton-Schulz iterations of the orthogonalisation."""
