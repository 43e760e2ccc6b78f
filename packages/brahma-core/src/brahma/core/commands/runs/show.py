"""`brahma runs show`."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import click

from brahma.core.commands.runs.rows import (
    best_by,
    called,
    curve_option,
    number,
    output_dir_option,
    phase_name,
    plot_option,
    print_curves,
    print_picture,
    print_section,
    steps,
    text,
    trying,
)
from brahma.core.complete import run_names
from brahma.core.deletion import folder_bytes
from brahma.core.errors import RunError
from brahma.core.run_log import warnings_in
from brahma.core.runs import Run
from brahma.core.sizes import duration, size
from brahma.core.summary import RunSummary, summarise
from brahma.core.terminal_curve import Line

Rows = Iterator[tuple[str, str]]

_HIGHLIGHTS = (
    "model_config.preset",
    "model_config.base_model",
    "lora_config.r",
    "lora_config.target_modules",
    "lora_config.adapter",
    "lora_config.stack",
    "quantization.bits",
    "data_config.train",
    "data_config.seq_length",
    "training_config.optimizer.name",
    "training_config.lr",
    "training_config.batch_size",
    "training_config.gradient_accumulation_steps",
    "training_config.global_batch_size",
    "training_config.epochs",
    "training_config.max_steps",
    "training_config.max_minutes",
    "training_config.seed",
)
_OTHER_ENDS = ("training_config.max_steps", "training_config.max_minutes")
_WARNINGS_SHOWN = 10


@click.command("show")
@click.argument("name", shell_complete=run_names)
@output_dir_option
@plot_option
@curve_option
def show(name: str, output_dir: Path, plot: Path | None, no_curve: bool) -> None:
    """Show how the run NAME (a name or a folder) stands, its curve, and what to do next."""
    run = Run.open(name, output_dir)
    summary = summarise(run)
    print_section(("RUN", ""), list(_standing(run, summary)))
    if not no_curve:
        training = "training (running mean)" if summary.training.is_long else "training"
        evaluation = Line("evaluation", summary.evaluation, dots=True)
        print_curves([Line(training, summary.training), evaluation])
    print_section(("CONFIGURATION", ""), list(_configuration(run)))
    print_section(("LAST METRICS", ""), list(_last_metrics(summary)))
    print_section(("WHERE TIME WENT", ""), list(_time(summary)))
    print_section(("CHECKPOINTS", ""), list(_checkpoints(run)))
    print_section(("WARNINGS", ""), list(_warnings(run)))
    print_section(("FILES", ""), list(_places(run)))
    if plot is not None:
        print_picture({run.name: summary.curves}, plot)
    click.echo(f"\nnext: {_next_command(run)}", err=True)


def _standing(run: Run, summary: RunSummary) -> Rows:
    state = run.state
    yield "name", run.name
    yield "status", run.status + (f": {state.message}" if state.message else "")
    yield "step", steps(state)
    if state.best is not None and state.best_metric != "loss":
        by = best_by(state.best_evaluation, state.best_metric)
        yield "best by", f"{by} at step {state.best.removeprefix('checkpoint-')}"
    if summary.best is not None:
        step, loss = summary.best
        yield "best eval loss", f"{loss:.4f} at step {step}"
    if state.seconds:
        yield "took", duration(state.seconds)
    yield "written", f"{duration(time.time() - state.updated)} ago by process {state.pid}"


def _configuration(run: Run) -> Rows:
    try:
        config = run.read_config()
    except RunError as error:
        yield "config.json", f"cannot be read: {error.why}"
        return
    by_epochs = all(_value_at(config, end) is None for end in _OTHER_ENDS)
    for key in _HIGHLIGHTS:
        value = _value_at(config, key)
        if value is not None and (by_epochs or key != "training_config.epochs"):
            yield key, text(value)


def _value_at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def _last_metrics(summary: RunSummary) -> Rows:
    for key, value in summary.newest.items():
        if key.startswith(("train/", "eval/", "rate/")):
            yield key, number(value)


def _time(summary: RunSummary) -> Rows:
    for phase, spent in summary.time.items():
        if summary.seconds and spent / summary.seconds >= 0.0005:
            yield phase_name(phase), f"{spent / summary.seconds:6.1%}  {duration(spent)}"


def _checkpoints(run: Run) -> Rows:
    checkpoints = run.checkpoints
    best = run.best if checkpoints else None
    for folder in checkpoints:
        yield folder.name, size(folder_bytes(folder)) + (", best" if folder == best else "")


def _warnings(run: Run) -> Rows:
    found = warnings_in(run.log)
    for message, times in list(found.items())[-_WARNINGS_SHOWN:]:
        yield f"{times} times" if times > 1 else "once", message
    if len(found) > _WARNINGS_SHOWN:
        yield "earlier", f"{len(found) - _WARNINGS_SHOWN} others are in the log"


def _places(run: Run) -> Rows:
    yield "folder", str(run.directory)
    yield "metrics", str(run.paths.metrics)
    yield "log", str(run.log)


def _next_command(run: Run) -> str:
    match run.status:
        case "running":
            return f"brahma runs logs {called(run)} -f"
        case "finished" if run.checkpoints:
            return trying(run)
        case "failed":
            return f"brahma runs logs {called(run)}"
        case _:
            return f"brahma train {_options(run)} --resume auto"


def _options(run: Run) -> str:
    """The configuration and settings that the run was started with, as its command line has them."""
    try:
        command = run.read_environment().get("command")
    except RunError:
        command = None
    words = [str(word) for word in command] if isinstance(command, list) else []
    pairs = [pair for pair in pairwise(words) if pair[0] in ("--config", "--set")]
    if "--config" not in dict(pairs):
        pairs.insert(0, ("--config", "<the configuration of this run>"))
        return " ".join(chain.from_iterable(pairs))
    return shlex.join(chain.from_iterable(pairs))
