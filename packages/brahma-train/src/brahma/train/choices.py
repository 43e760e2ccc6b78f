"""The options of optimizers and schedules; apart from them, so that checking a name imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from brahma.core.config import Section

_Share = Annotated[float, Field(ge=0, lt=1)]
_Floor = Annotated[float, Field(ge=0, le=1)]


class DecayOptions(Section):
    """Options of the schedules linear and cosine."""

    min_ratio: _Floor = 0.0
    """The rate's floor at the end, as a part of `lr`."""


class StableOptions(DecayOptions):
    """Options of wsd."""

    decay_fraction: Annotated[float, Field(gt=0, le=1)] = 0.2
    """The part of the steps after the warm-up over which the rate falls; before, it is `lr`."""
    shape: Literal["linear", "cosine", "1-sqrt"] = "1-sqrt"
    """How it falls; 1-sqrt falls fast at first."""


class PolynomialOptions(DecayOptions):
    """Options of polynomial."""

    power: Annotated[float, Field(gt=0)] = 2.0
    """Of the share of the steps that is left; 1 is a straight line."""


class InverseSqrtOptions(Section):
    """Options of inverse_sqrt."""

    timescale: Annotated[float, Field(gt=0)] = 0.1
    """The part of the steps after the warm-up that lowers the rate to `lr` / √2."""
    min_ratio: _Floor = 0.0
    """The rate never falls below this part of `lr`."""


class AdamWOptions(Section):
    """Options of adamw."""

    fused: bool = True
    """One kernel for the whole update."""


class MuonOptions(Section):
    """Options of muon."""

    momentum: _Share = 0.95
    """Of the running mean of gradients."""
    nesterov: bool = True
    """Look one step ahead along the momentum."""
    ns_steps: Annotated[int, Field(ge=1, le=20)] = 5
    """Newton-Schulz iterations of the orthogonalisation."""


class SGDOptions(Section):
    """Options of sgd."""

    momentum: _Share = 0.9
    """Of the running sum of gradients; 0 keeps none, and no state."""
    nesterov: bool = False
    """Look one step ahead along the momentum."""

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> SGDOptions:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class AdafactorOptions(Section):
    """Options of adafactor."""

    clip_threshold: Annotated[float, Field(gt=0)] = 1.0
    """A parameter's update of a larger root mean square is scaled down to it."""
    decay_exponent: Annotated[float, Field(gt=0, le=1)] = 0.8
    """The mean of squares decays by 1 - step^-decay_exponent: ever more slowly."""
    scale_by_weights: bool = False
    """Multiply `lr` by the root mean square of each parameter, 0.001 at least, as the paper does."""


class LionOptions(Section):
    """Options of lion."""

    beta1: _Share = 0.9
    """Weight of the momentum in the direction of a step."""
    beta2: _Share = 0.99
    """Decay of the momentum."""
