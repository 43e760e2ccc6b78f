"""What `brahma evaluate` does with each model, and what it shows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from brahma.core.console import has_colour, print_table, print_warning
from brahma.core.errors import RunError
from brahma.core.layout import columns_of, folded
from brahma.evaluation.commands.own_data import OwnData, document_of, show_own, write_own
from brahma.evaluation.commands.verdicts import compared, seen_before, short_names, show_comparison, show_seen
from brahma.evaluation.evaluator import Evaluator

if TYPE_CHECKING:
    from brahma.evaluation.comparison import Comparison
    from brahma.evaluation.contamination import Contamination
    from brahma.evaluation.harness.results import TaskResults
    from brahma.evaluation.results import Results


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was typed."""

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    data: OwnData | None
    data_dir: Path | None
    limit: int | None
    num_fewshot: int | None
    batch_size: int | Literal["auto"]
    output: Path | None
    samples: Path | None
    chat_template: bool | str
    system: str | None
    device: str
    dtype: str | None
    trust_remote_code: bool
    seed: int | None
    no_cache: bool
    contamination: bool
    contamination_words: int
    include_path: Path | None
    allow_code: tuple[str, ...]
    subtasks: bool


@dataclass(frozen=True)
class Measured:
    """A model and what was found; None: not asked for."""

    name: str
    evaluator: Evaluator
    tasks: TaskResults | None = None
    data: Results | None = None
    contamination: Contamination | None = None

    @property
    def comparable(self) -> TaskResults | Results | None:
        """What another model can be compared by, example by example; None: only a loss was measured."""
        if self.tasks is not None:
            return self.tasks
        return self.data if self.data is not None and self.data.examples else None

    @property
    def document(self) -> dict[str, Any]:
        """All of it in lm-eval's layout; what is ours under `brahma`."""
        document: dict[str, Any] = {"model_name": self.name}
        if self.tasks is not None:
            document = self.tasks.to_dict()
        ours = {}
        if self.data is not None:
            ours["data"] = document_of(self.data)
        if self.contamination is not None:
            ours["contamination"] = self.contamination.to_dict()
        if ours:
            document["brahma"] = {**document.get("brahma", {}), **ours}
        return document


def run(request: Request, *, as_json: bool) -> None:
    """Measure each model, show it, and write what is to be written."""
    from brahma.evaluation.harness.writing import check_writable, json_text, write_results

    if request.output is not None:
        check_writable(request.output)
    if request.samples is not None:
        check_writable(request.samples, is_folder=True)
    evaluators = [  # all are looked for before one is measured
        Evaluator(
            name,
            device=request.device,
            dtype=request.dtype,
            batch_size=request.batch_size,
            trust_remote_code=request.trust_remote_code,
        )
        for name in request.models
    ]
    for evaluator in evaluators:
        _ = evaluator.source  # a misspelt name may be a hub id: asked now, not after hours of the first
    found = []
    for name, evaluator in zip(request.models, evaluators, strict=True):
        with _saying_what_is_kept(request):
            measured = measure(name, evaluator, request)
        found.append(measured)
        if not as_json:
            show(measured, with_name=len(evaluators) > 1, subtasks=request.subtasks)
    comparison = _compared(found) if len(found) > 1 and all(each.comparable for each in found) else None
    if comparison is not None and not as_json:
        show_comparison(comparison, short_names(request.models))
    whole = _whole(found, comparison)
    if as_json:
        click.echo(json_text(whole))
    if request.output is not None:
        write_results(whole, request.output)
        click.echo(f"results: {request.output}", err=True)
    for measured in found:  # last: where there is no room for them, the results are kept
        keep(measured, request, several=len(evaluators) > 1)


@contextmanager
def _saying_what_is_kept(request: Request) -> Iterator[None]:
    """After Ctrl-C: the work that was done is not lost."""
    try:
        yield
    except KeyboardInterrupt:
        if request.tasks and not request.no_cache:
            click.echo("\nthe responses so far are kept: the same command goes on", err=True)
        raise


def measure(name: str, evaluator: Evaluator, request: Request) -> Measured:
    """Named tasks first: their names are checked before anything is loaded."""
    tasks = _run_tasks(evaluator, request) if request.tasks else None
    data = request.data.measure(evaluator) if request.data is not None else None
    contamination = None
    if request.contamination:
        contamination = seen_before(tasks, data, evaluator.model_path, request.contamination_words)
    return Measured(name, evaluator, tasks, data, contamination)


def _compared(found: Sequence[Measured]) -> Comparison | None:
    """By named tasks; without any, by what the models gave for the rows of one's own data."""
    names = short_names([each.name for each in found])
    results = {name: each.comparable for name, each in zip(names, found, strict=True)}
    return compared({name: each for name, each in results.items() if each is not None})


def _run_tasks(evaluator: Evaluator, request: Request) -> TaskResults:
    return evaluator.evaluate(
        request.tasks,
        limit=request.limit,
        num_fewshot=request.num_fewshot,
        data_dir=request.data_dir,
        chat_template=request.chat_template,
        system_instruction=request.system,
        include_path=request.include_path,
        allow_code=request.allow_code,
        cache=not request.no_cache,
        seed=request.seed,
    )


def show(measured: Measured, *, with_name: bool, subtasks: bool) -> None:
    """The tables on stdout; what it took on stderr."""
    if with_name:
        click.echo(f"\n{measured.name}")
    if measured.tasks is not None:
        from brahma.evaluation.harness.report import summary, table

        columns, colour = columns_of(sys.stdout), has_colour(sys.stdout)
        for line in table(measured.tasks, columns, colour=colour, subtasks=subtasks):
            click.echo(line)
        for line in summary(measured.tasks):
            for part in folded(line, columns_of(sys.stderr) or sys.maxsize):
                click.echo(part, err=True)
    if measured.data is not None:
        if measured.tasks is not None:
            click.echo()
        show_own(measured.data)
    if measured.contamination is not None:
        show_seen(measured.contamination)


def keep(measured: Measured, request: Request, *, several: bool) -> None:
    """Each example's record, and a line in the metrics of the model's run."""
    _keep_own(measured, request, several)
    if measured.tasks is None:
        return
    from brahma.evaluation.harness.document import sanitized
    from brahma.evaluation.harness.recording import record
    from brahma.evaluation.harness.writing import write_samples

    if request.samples is not None:
        folder = request.samples / sanitized(measured.name) if several else request.samples
        written = write_samples(measured.document, folder)
        click.echo(f"samples: {len(written)} files in {folder}", err=True)
    try:
        if (metrics := record(measured.tasks, measured.evaluator.model_path)) is not None:
            click.echo(f"added to {metrics}", err=True)
    except RunError as error:
        print_warning(f"nothing is added to the metrics of the run: {error.message}")


def _keep_own(measured: Measured, request: Request, several: bool) -> None:
    if measured.data is None or request.samples is None:
        return
    from brahma.evaluation.harness.document import sanitized

    folder = request.samples / sanitized(measured.name) if several else request.samples
    if (path := write_own(measured.data, folder)) is not None:
        click.echo(f"samples: {path}", err=True)


def _whole(found: Sequence[Measured], comparison: Comparison | None) -> dict[str, Any]:
    """The document of one model; of several, each by its name, and how they compare."""
    if len(found) == 1:
        return found[0].document
    whole: dict[str, Any] = {"models": {each.name: without_samples(each.document) for each in found}}
    if comparison is not None:
        names = short_names([each.name for each in found])
        whole["comparison"] = {**comparison.to_dict(), "names": names}
    return whole


def without_samples(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "samples"}


def print_tasks(pattern: str | None, include_path: Path | None) -> None:
    """Names, and what each one is."""
    print_table(("task", "kind", "of"), list(_listed(pattern, include_path)))


def _listed(pattern: str | None, include_path: Path | None) -> Iterator[tuple[str, str, str]]:
    from brahma.core.plugins import get_plugins
    from brahma.evaluation.harness.registry import list_tasks, matching

    brought = get_plugins().entries("task")
    for name in matching(brought, pattern):
        yield name, "plugin", brought[name].summary
    for each in list_tasks(pattern, include_path=include_path):
        yield each.name, each.kind, each.output_type or f"{len(each.members)} tasks"
