"""The options of the optimizers; apart from them, so that checking a name imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brahma.core.config.sections import Section

_Share = Annotated[float, Field(ge=0, lt=1)]


class EightBitOptions(Section):
    """Options of adamw_8bit and paged_adamw_8bit."""

    min_8bit_size: Annotated[int, Field(ge=0)] = 4096
    """A parameter of fewer elements keeps its state in float32."""


class LionOptions(EightBitOptions):
    """Options of lion_8bit and paged_lion_8bit."""

    beta1: _Share = 0.9
    """The momentum's share in the direction of a step; the rest is the gradient's."""
    beta2: _Share = 0.99
    """Decay of the momentum."""
