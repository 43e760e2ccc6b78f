"""`brahma searches show`."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from brahma.core.commands.runs.rows import curve_option, print_curves, print_section
from brahma.core.complete import search_names
from brahma.core.console import as_typed, paint
from brahma.core.curves import Curve
from brahma.core.errors import BrahmaError
from brahma.core.layout import aligned, columns_of, folded
from brahma.core.runs import Run
from brahma.core.sizes import duration
from brahma.core.terminal_curve import Line
from brahma.train.search.importance import importance
from brahma.train.search.leading import leaders
from brahma.train.search.listing import output_dir_option, status_of, written
from brahma.train.search.outcome import outcome
from brahma.train.search.parameters import Value
from brahma.train.search.pictures import draw_pictures, picture_paths
from brahma.train.search.records import TrialRecord
from brahma.train.search.results import SearchResult, no_result, result_so_far
from brahma.train.search.standing import step_on_disk
from brahma.train.search.storage import Definition, Study
from brahma.train.search.table import given_trial, in_short, rung_name, short_names, table_rows

Rows = Iterator[tuple[str, ...]]


@click.command("show")
@click.argument("name", shell_complete=search_names)
@output_dir_option
@click.option("--plot", is_flag=True, help="Draw the pictures anew, of a search that goes on, too.")
@curve_option
def show(name: str, output_dir: Path, plot: bool, no_curve: bool) -> None:
    """Show how the search NAME (a name or a folder) stands, all its trials, and what to do next."""
    study = Study.open(name, output_dir)
    definition, trials = study.definition, study.trials()
    if definition is None:
        raise no_result(study.name, trials)
    print_section(("SEARCH", ""), list(_standing(study, definition, trials)))
    print_section(
        ("PARAMETER", "RANGE", "GIVEN", "BEST", "IMPORTANCE"), list(_parameters(study, definition, trials))
    )
    if not no_curve:
        curve = best_so_far(trials, higher_is_better=definition.higher_is_better)
        print_curves([Line("best so far", curve)], f"{definition.metric} by tokens of all trials")
    _print_trials(study, definition, trials)
    result = _result(study)
    if result is not None:
        _print_lines("OUTCOME", outcome(result, definition))
    if plot:
        draw_pictures(study)
    print_section(("FILES", ""), list(_places(study, result)))
    click.echo(f"\nnext: {_next_command(study, result)}", err=True)


def best_so_far(trials: Sequence[TrialRecord], *, higher_is_better: bool) -> Curve:
    """The value of who led, by the tokens that all trials had taken: in steps."""
    curve, before = Curve(), None
    led = leaders(trials, higher_is_better=higher_is_better)
    for spent, value in led:
        if before is not None and value != before:
            curve.add(spent, before)
        if value != before or spent == led[-1][0]:
            curve.add(spent, value)
        before = value
    return curve


def _standing(study: Study, definition: Definition, trials: Sequence[TrialRecord]) -> Rows:
    course, best = study.course, study.best()
    yield "name", study.name
    yield "status", status_of(study)
    yield "looks for", f"the {'highest' if definition.higher_is_better else 'lowest'} {definition.metric}"
    if best is not None:
        yield "best", f"{best.value:.5g}, trial {best.number}, {rung_name(definition, best.rung)}"
    yield "trials", f"{len(trials)}" + ("" if course is None else f" of {course.trials}")
    if failed := sum(trial.status == "failed" for trial in trials):
        yield "failed", str(failed)
    budget = "" if course is None or course.max_tokens is None else f" of {course.max_tokens:,} at most"
    yield "tokens", f"{sum(trial.spent for trial in trials):,}{budget}"
    yield "compared", ", ".join(rung_name(definition, rung) for rung in range(len(definition.divisors)))
    yield "sampler", f"{definition.sampler['name']}, seed {definition.seed}"
    yield "kept in", str(study.folder / "study.journal") if study.place == "journal" else study.place
    yield "written", f"{duration(time.time() - written(study))} ago"


def _parameters(study: Study, definition: Definition, trials: Sequence[TrialRecord]) -> Rows:
    given, best = given_trial(trials, definition), study.best()
    shares = importance(trials, definition).shares
    for name, label in zip(definition.space, short_names(list(definition.space)), strict=True):
        share = f"{100 * shares[name]:.0f} %" if name in shares else ""
        yield label, str(definition.space[name]), _value(given, name), _value(best, name), share


def _value(trial: TrialRecord | None, name: str) -> str:
    value: Value = None if trial is None else trial.params[name]
    return "" if trial is None else in_short(value)


def _print_trials(study: Study, definition: Definition, trials: Sequence[TrialRecord]) -> None:
    """All trials, the best first; on a narrow terminal their values stand in a second table."""
    rows = table_rows(
        trials,
        higher_is_better=definition.higher_is_better,
        step_of=lambda trial: step_on_disk(study, trial),
    )
    headers = ["TRIAL", "STATE", "STEP", definition.metric.upper(), "TOKENS"]
    names = [name.upper() for name in short_names(list(definition.space))]
    cells = [row.cells for row in rows]
    columns = columns_of(sys.stdout)
    if columns is None or max(map(len, aligned([[*headers, *names], *cells]))) <= columns:
        print_section([*headers, *names], cells)
    else:
        count = len(headers)
        print_section(headers, [each[:count] for each in cells])
        print_section(["TRIAL", *names], [(each[0], *each[count:]) for each in cells])
    failed = [(str(trial.number), " ".join(trial.reason.split())) for trial in trials if trial.reason]
    print_section(("FAILED", "REASON"), failed)


def _print_lines(title: str, lines: Sequence[str]) -> None:
    """Sentences under a title, folded at the terminal's width."""
    columns = columns_of(sys.stdout) or sys.maxsize
    click.echo(f"\n{paint(title, bold=True)}")
    for line in lines:
        for part in folded(line, columns):
            click.echo(part)


def _result(study: Study) -> SearchResult | None:
    """What it has come to; None, and why on standard error, where that is nothing."""
    try:
        return result_so_far(study)
    except BrahmaError as error:
        for line in folded(f"\n{error.message}", columns_of(sys.stderr) or sys.maxsize):
            click.echo(line, err=True)
        return None


def _places(study: Study, result: SearchResult | None) -> Rows:
    yield "folder", str(study.folder)
    if study.best_file.exists():
        yield "best configuration", str(study.best_file)
    if result is not None and result.checkpoint is not None:
        yield "best checkpoint", str(result.checkpoint)
    for path in picture_paths(study.folder):
        if path.exists():
            yield "picture", str(path)


def _next_command(study: Study, result: SearchResult | None) -> str:
    if status_of(study) == "finished" and result is not None:
        return f"brahma train --config {as_typed(_from_here(study.best_file))}"
    if status_of(study) == "running":
        return f"brahma searches show {called(study)}"
    return _command_of(study) or "the command that began it goes on with it"


def _command_of(study: Study) -> str:
    """What the process of the newest trial was started with; empty where that was no command."""
    try:
        words = Run(study.output_dir / "runs" / study.trials()[-1].run).read_environment().get("command")
    except (BrahmaError, IndexError):
        return ""
    if not isinstance(words, list) or not words:
        return ""
    program = Path(str(words[0])).name
    known = {"brahma": "brahma", "hyperopt.py": "python -m brahma.tools.hyperopt"}
    return " ".join([known[program], *map(shlex.quote, map(str, words[1:]))]) if program in known else ""


def called(study: Study) -> str:
    """What a command takes for the search from where the user is: its name, or its folder."""
    here = study.output_dir == Path.cwd()
    return shlex.quote(study.name if here else str(_from_here(study.folder)))


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
