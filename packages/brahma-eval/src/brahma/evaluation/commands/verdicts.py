"""What `brahma evaluate` makes of figures: what the model had seen before, and which model is better.

Neither may cost what was measured: what goes wrong here is said, and the figures are shown and written.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from brahma.core.console import paint, print_warning
from brahma.core.errors import BrahmaError
from brahma.core.layout import columns_of

if TYPE_CHECKING:
    from brahma.evaluation.comparison import Comparison
    from brahma.evaluation.contamination import Contamination
    from brahma.evaluation.harness.results import TaskResults
    from brahma.evaluation.results import Results


def seen_before(
    tasks: TaskResults | None, data: Results | None, model_path: str, ngram: int
) -> Contamination | None:
    """What of the examples the model was trained on; None where there are no examples, as of a loss."""
    from brahma.evaluation.contamination import find_contamination

    results = _with_examples(tasks, data)
    if results is None:
        return None
    try:
        return find_contamination(results, model_path, ngram=ngram)
    except BrahmaError as error:
        print_warning(f"contamination cannot be told: {error.message}")
        return None


def _with_examples(tasks: TaskResults | None, data: Results | None) -> TaskResults | None:
    """Named tasks, and data of one's own as one more; None where no model was asked anything."""
    from brahma.evaluation.as_tasks import as_tasks
    from brahma.evaluation.harness.results import TaskResults

    named = tasks if tasks is not None else TaskResults({})
    own = as_tasks(data).tasks if data is not None and data.examples else {}
    found = replace(named, tasks={**named.tasks, **own})
    return found if any(task.samples for task in found.tasks.values()) else None


def show_seen(contamination: Contamination) -> None:
    """The clean figures on stdout; that nothing is known, on stderr."""
    stream = sys.stdout if contamination.is_known else sys.stderr
    if contamination.is_known:
        click.echo()
    for line in contamination.lines(columns_of(stream)):
        click.echo(line, file=stream)


def compared(results: Mapping[str, TaskResults | Results]) -> Comparison | None:
    """The models, by short names, each with the first; None where they cannot be compared, which is said."""
    from brahma.evaluation.comparison import compare

    try:
        return compare(*results.values(), names=list(results))
    except BrahmaError as error:
        print_warning(": ".join(filter(None, (error.message, error.why))))
        return None


def short_names(models: Sequence[str]) -> dict[str, str]:
    """A, B, … and the models that they stand for: paths are too long for a table."""
    return {_letter(number): model for number, model in enumerate(models)}


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"M{number + 1}"


def show_comparison(comparison: Comparison, models: Mapping[str, str]) -> None:
    """On stdout, with what the short names stand for."""
    click.echo(paint("\ncomparison", bold=True))
    for short, model in models.items():
        click.echo(f"{short}  {model}")
    click.echo()
    for line in comparison.lines(columns_of(sys.stdout)):
        click.echo(line)
