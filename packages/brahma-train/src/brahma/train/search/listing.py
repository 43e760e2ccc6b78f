"""`brahma searches list`, and what it and `show` say of how a search stands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from brahma.core.commands.runs.rows import number, output_dir_of
from brahma.core.console import print_table, print_warning
from brahma.core.errors import BrahmaError
from brahma.core.sizes import duration
from brahma.train.search.storage import FOLDER, Study
from brahma.train.search.table import short

Row = dict[str, Any]

_HEADERS = ("NAME", "STATUS", "TRIALS", "METRIC", "BEST", "TOKENS", "WRITTEN")
_SORTS: dict[str, Callable[[Row], Any]] = {
    "written": lambda row: -row["updated"],
    "name": lambda row: row["name"],
    "status": lambda row: row["status"],
    "trials": lambda row: -row["trials"],
}

output_dir_option = output_dir_of(f"{FOLDER}/")


@click.command("list")
@output_dir_option
@click.option(
    "--sort", type=click.Choice(list(_SORTS)), default="written", show_default=True, help="What comes first."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
def list_all(output_dir: Path, sort: str, as_json: bool) -> None:
    """List the searches, the one written last first."""
    rows, unreadable = _read(output_dir)
    rows.sort(key=_SORTS[sort])
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        now = time.time()
        print_table(_HEADERS, [_cells(row, now) for row in rows])
    for name, why in unreadable.items():
        print_warning(f"{name} is not listed: {why}")
    if not rows and not unreadable and not as_json:
        click.echo(f"no search in {output_dir / FOLDER} yet; `brahma search` makes one", err=True)


def status_of(study: Study) -> str:
    """`running`, `finished` or `interrupted`: no process trains a trial of it, and there is more to do."""
    if any(trial.alive for trial in study.trials()):
        return "running"
    course = study.course
    return "finished" if course is not None and course.over else "interrupted"


def written(study: Study) -> float:
    """When a process last decided what to do next, in seconds since 1970."""
    lock = study.folder / "search.lock"
    return (lock if lock.exists() else study.folder / "search.json").stat().st_mtime


def _read(output_dir: Path) -> tuple[list[Row], dict[str, str]]:
    """A row for each search, and why those that are not listed cannot be."""
    rows, unreadable = [], {}
    for file in sorted((output_dir / FOLDER).absolute().glob("*/search.json")):
        try:
            rows.append(_row(Study(file.parent)))
        except BrahmaError as error:
            unreadable[file.parent.name] = ": ".join(filter(None, (error.message, error.why)))
    return rows, unreadable


def _row(study: Study) -> Row:
    definition, trials, best, course = study.definition, study.trials(), study.best(), study.course
    return {
        "name": study.name,
        "status": status_of(study),
        "trials": len(trials),
        "trials_asked": None if course is None else course.trials,
        "failed": sum(trial.status == "failed" for trial in trials),
        "metric": None if definition is None else definition.metric,
        "higher_is_better": None if definition is None else definition.higher_is_better,
        "best_value": None if best is None else best.value,
        "best_trial": None if best is None else best.number,
        "tokens": sum(trial.spent for trial in trials),
        "updated": written(study),
        "directory": str(study.folder),
    }


def _cells(row: Row, now: float) -> tuple[str, ...]:
    asked = "?" if row["trials_asked"] is None else row["trials_asked"]
    return (
        row["name"],
        row["status"],
        f"{row['trials']}/{asked}",
        row["metric"] or "",
        number(row["best_value"], ".5g"),
        short(row["tokens"]),
        f"{duration(now - row['updated'])} ago",
    )
