"""`brahma runs compare`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from brahma.core.commands.runs.rows import (
    best_by,
    curve_option,
    model_name,
    number,
    output_dir_option,
    plot_option,
    print_curves,
    print_picture,
    print_section,
    steps,
    text,
)
from brahma.core.comparison import ABSENT, Comparison, Row, compare_runs
from brahma.core.complete import run_names
from brahma.core.plot import labels
from brahma.core.runs import Run
from brahma.core.sizes import duration, size
from brahma.core.summary import RunSummary
from brahma.core.terminal_curve import Line

_FIGURES: dict[str, Callable[[RunSummary], str]] = {
    "training loss": lambda of: number(of.training.last, ".4f"),
    "evaluation loss": lambda of: number(of.evaluation.last, ".4f"),
    "best evaluation loss": lambda of: f"{of.best[1]:.4f} at step {of.best[0]}" if of.best else "",
    "tokens": lambda of: number(of.newest.get("train/tokens"), ",.0f"),
    "time": lambda of: duration(of.seconds) if of.seconds else "",
    "tokens/s": lambda of: number(of.tokens_per_second, ",.0f"),
    "MFU": lambda of: number(of.mfu, ".1%"),
    "memory": lambda of: size(of.memory_bytes) if of.memory_bytes else "",
}


@click.command("compare")
@click.argument("names", nargs=-1, required=True, shell_complete=run_names, metavar="A B [C]...")
@output_dir_option
@click.option("--all", "show_all", is_flag=True, help="Show the keys that are the same too.")
@plot_option
@curve_option
def compare(
    names: Sequence[str], output_dir: Path, show_all: bool, plot: Path | None, no_curve: bool
) -> None:
    """Show runs (names or folders) side by side: results, what differs between them, and their curves."""
    if len(names) < 2:
        raise click.UsageError("a comparison takes two runs or more")
    found = compare_runs([Run.open(name, output_dir) for name in names])
    heads = labels(found.runs)
    print_section(("RESULT", *heads), _results(found))
    _print_keys("CONFIGURATION", heads, found.config, show_all)
    _print_keys("DATA", heads, found.data, show_all)
    _print_keys("ENVIRONMENT", heads, found.environment, show_all)
    if not no_curve:
        print_curves([Line(head, each.training) for head, each in zip(heads, found.summaries, strict=True)])
    for line in found.unread:
        click.echo(f"not compared: {line}", err=True)
    if plot is not None:
        curves = [each.curves for each in found.summaries]
        print_picture(dict(zip(heads, curves, strict=True)), plot)


def _results(found: Comparison) -> list[tuple[str, ...]]:
    rows = [
        ("status", *(run.status for run in found.runs)),
        ("model", *(model_name(run) for run in found.runs)),
        ("step", *(steps(run.state) for run in found.runs)),
        *_best(found),
        *((name, *map(figure, found.summaries)) for name, figure in _FIGURES.items()),
    ]
    return [row for row in rows if any(row[1:])]


def _best(found: Comparison) -> list[tuple[str, ...]]:
    """Nothing where all runs go by the loss: that stands below."""
    states = [run.state for run in found.runs]
    if all(state.best_metric == "loss" for state in states):
        return []
    return [("best by", *(best_by(each.best_evaluation, each.best_metric) for each in states))]


def _print_keys(title: str, heads: Sequence[str], rows: Sequence[Row], show_all: bool) -> None:
    shown = [row for row in rows if show_all or row.differs]
    if shown:
        print_section((title, *heads), [(row.key, *map(_text, row.values)) for row in shown])
    elif rows:
        click.echo(f"\n{title}: the same")


def _text(value: object) -> str:
    return "" if value is ABSENT else text(value)
