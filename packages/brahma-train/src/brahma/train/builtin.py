"""What brahma-train registers, through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from brahma.core.entries import (
    BackendEntry,
    CommandEntry,
    ObjectiveEntry,
    OptimizerEntry,
    SamplerEntry,
    ScheduleEntry,
    TrackerEntry,
)
from brahma.core.hookspecs import hookimpl


@hookimpl
def brahma_optimizers() -> Iterable[OptimizerEntry]:
    yield OptimizerEntry(
        name="adamw",
        target="brahma.train.optimizers:adamw",
        summary="AdamW with decoupled weight decay",
        options="brahma.train.choices:AdamWOptions",
    )
    yield OptimizerEntry(
        name="muon",
        target="brahma.train.muon:muon",
        summary="Muon for hidden matrices, AdamW for the rest",
        options="brahma.train.choices:MuonOptions",
        state_bytes=4.0,  # of the matrices; tables and heads have AdamW's 8
    )
    yield OptimizerEntry(
        name="adafactor",
        target="brahma.train.optimizers:adafactor",
        summary="Adafactor: next to no state",
        options="brahma.train.choices:AdafactorOptions",
        state_bytes=0.02,  # rows and columns of matrices of 400 × 400 and more
    )
    yield OptimizerEntry(
        name="lion",
        target="brahma.train.lion:lion",
        summary="Lion: the sign of the momentum",
        options="brahma.train.choices:LionOptions",
        state_bytes=4.0,
    )
    yield OptimizerEntry(
        name="sgd",
        target="brahma.train.optimizers:sgd",
        summary="gradient descent with momentum",
        options="brahma.train.choices:SGDOptions",
        state_bytes=4.0,  # none without momentum
    )


@hookimpl
def brahma_schedules() -> Iterable[ScheduleEntry]:
    options = "brahma.train.choices:DecayOptions"
    yield ScheduleEntry(
        name="linear", target="brahma.train.schedules:linear", summary="straight down", options=options
    )
    yield ScheduleEntry(
        name="cosine", target="brahma.train.schedules:cosine", summary="half a cosine down", options=options
    )
    yield ScheduleEntry(
        name="wsd",
        target="brahma.train.schedules:wsd",
        summary="stays at lr, then falls (warm-up, stable, decay)",
        options="brahma.train.choices:StableOptions",
    )
    yield ScheduleEntry(
        name="polynomial",
        target="brahma.train.schedules:polynomial",
        summary="down by a power of what is left",
        options="brahma.train.choices:PolynomialOptions",
    )
    yield ScheduleEntry(
        name="inverse_sqrt",
        target="brahma.train.schedules:inverse_sqrt",
        summary="down by the square root of the steps",
        options="brahma.train.choices:InverseSqrtOptions",
    )
    yield ScheduleEntry(name="constant", target="brahma.train.schedules:constant", summary="stays at lr")


@hookimpl
def brahma_backends() -> Iterable[BackendEntry]:
    yield BackendEntry(
        name="single", target="brahma.train.backends:SingleProcess", summary="one process, one device"
    )


@hookimpl
def brahma_trackers() -> Iterable[TrackerEntry]:
    yield TrackerEntry(
        name="tensorboard",
        target="brahma.train.trackers:TensorBoardTracker",
        summary="event files in the run's folder",
    )


@hookimpl
def brahma_samplers() -> Iterable[SamplerEntry]:
    yield SamplerEntry(
        name="tpe",
        target="brahma.train.search.samplers:tpe",
        summary="tree-structured Parzen estimator: draws near what was good, away from what was bad",
        options="brahma.train.search.samplers:TPEOptions",
    )
    yield SamplerEntry(
        name="gp",
        target="brahma.train.search.samplers:gp",
        summary="a Gaussian process: for few, costly trials of up to some ten numbers",
        options="brahma.train.search.samplers:GPOptions",
    )
    yield SamplerEntry(
        name="random", target="brahma.train.search.samplers:random", summary="draws, and learns nothing"
    )
    yield SamplerEntry(
        name="qmc",
        target="brahma.train.search.samplers:qmc",
        summary="a Sobol sequence: fills the space more evenly than draws do",
    )
    yield SamplerEntry(
        name="brute_force",
        target="brahma.train.search.samplers:brute_force",
        summary="each point of a finite space once, in an order that is drawn",
        finite=True,
    )


@hookimpl
def brahma_objectives() -> Iterable[ObjectiveEntry]:
    yield ObjectiveEntry(
        name="tokens_per_second",
        target="brahma.train.search.objectives:tokens_per_second",
        summary="how fast a run trains: the median of what it logs",
        direction="maximize",
    )


@hookimpl
def brahma_commands() -> Iterable[CommandEntry]:
    yield CommandEntry(name="train", target="brahma.train.command:train", summary="Train as a file says")
    yield CommandEntry(
        name="search", target="brahma.train.search.command:search", summary="Search for better settings"
    )
    yield CommandEntry(
        name="searches list", target="brahma.train.search.listing:list_all", summary="How searches stand"
    )
    yield CommandEntry(
        name="searches show", target="brahma.train.search.showing:show", summary="One search and its trials"
    )
    yield CommandEntry(
        name="init", target="brahma.train.init.command:init", summary="Write a configuration for your data"
    )
    yield CommandEntry(
        name="quickstart",
        target="brahma.train.quickstart.command:quickstart",
        summary="Train a model from nothing, now",
    )
