"""`brahma runs list`."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from brahma.core.commands.runs.rows import best_by, model_name, number, output_dir_option
from brahma.core.console import print_table, print_warning
from brahma.core.runs import Run, list_runs
from brahma.core.sizes import duration

Row = dict[str, Any]

_HEADERS = ("NAME", "STATUS", "MODEL", "STEP", "LOSS", "BEST EVAL", "TOOK", "WRITTEN")
_SORTS: dict[str, Callable[[Row], Any]] = {
    "written": lambda row: -row["updated"],
    "name": lambda row: row["name"],
    "status": lambda row: row["status"],
    "step": lambda row: -row["step"],
    "loss": lambda row: _or_last(row["loss"]),
    "eval": lambda row: _or_last(row["best_eval_loss"]),
    "took": lambda row: -row["seconds"],
}


@click.command("list")
@output_dir_option
@click.option(
    "--sort", type=click.Choice(list(_SORTS)), default="written", show_default=True, help="What comes first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_all(output_dir: Path, sort: str, as_json: bool) -> None:
    """List the runs, the one written last first."""
    rows = sorted((_row(run) for run in list_runs(output_dir)), key=_SORTS[sort])
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    now = time.time()
    print_table(_HEADERS, [_cells(row, now) for row in rows])
    unreadable = _unreadable(output_dir / "runs", {row["name"] for row in rows})
    for name in unreadable:
        print_warning(f"{name} is not listed: its state.json cannot be read")
    if not rows and not unreadable:
        click.echo(f"no run in {output_dir / 'runs'} yet; `brahma quickstart` makes one", err=True)


def _unreadable(runs: Path, listed: set[str]) -> list[str]:
    """Names of folders that hold a `state.json` and are not listed all the same."""
    if not runs.is_dir():
        return []
    others = (each for each in runs.iterdir() if each.name not in listed and not each.name.startswith("."))
    return sorted(each.name for each in others if (each / "state.json").exists())


def _row(run: Run) -> Row:
    state = run.state
    return {
        "name": run.name,
        "status": run.status_of(state),
        "model": model_name(run),
        "step": state.step,
        "total_steps": state.total_steps,
        "loss": state.loss,
        "best_eval_loss": state.best_loss,
        "best_metric": state.best_metric,
        "best_value": state.best_evaluation,
        "seconds": state.seconds,
        "updated": state.updated,
        "directory": str(run.directory),
    }


def _cells(row: Row, now: float) -> tuple[str, ...]:
    total = "?" if row["total_steps"] is None else row["total_steps"]
    return (
        row["name"],
        row["status"],
        row["model"],
        f"{row['step']}/{total}",
        number(row["loss"], ".4f"),
        best_by(row["best_value"], row["best_metric"]),
        duration(row["seconds"]) if row["seconds"] else "",
        f"{duration(now - row['updated'])} ago",
    )


def _or_last(loss: float | None) -> float:
    return math.inf if loss is None else loss
