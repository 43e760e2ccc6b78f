"""What tasks gave, for people: a table, or where that is too wide for the terminal, a list."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from brahma.core.layout import folded
from brahma.core.sizes import duration
from brahma.evaluation.aggregation import members, outermost
from brahma.evaluation.harness.results import Figure, TaskResult, TaskResults

_INDENT = "  "
_ARROWS = {True: "↑", False: "↓", None: ""}
_HEADERS = ("task", "version", "shots", "examples", "figure", "", "value", "error")
_RIGHT = ("shots", "examples", "value")
_MANY = 12  # tasks of a group beyond which a terminal shows the group alone
_UNLIMITED = 10_000  # columns of what is no terminal


@dataclass(frozen=True)
class _Entry:
    """A task or group in the report.

    Attributes:
        depth: groups that it is shown below.
    """

    found: TaskResult
    depth: int
    is_group: bool

    @property
    def label(self) -> str:
        return _INDENT * self.depth + self.found.name

    @property
    def shots(self) -> str:
        return "" if self.found.num_fewshot is None else str(self.found.num_fewshot)

    @property
    def examples(self) -> str:
        """`200 of 10,042`; empty where a plugin does not say."""
        found = self.found
        if not found.examples:
            return ""
        return f"{found.examples:,}" + (
            "" if found.examples == found.of_examples else f" of {found.of_examples:,}"
        )


def table(
    results: TaskResults, columns: int | None = None, *, colour: bool = False, subtasks: bool = False
) -> list[str]:
    """The lines of the table: tasks, their figures and errors; tasks of a group stand below it.

    Args:
        columns: of the terminal; None: a row is a line, whatever its length.
        colour: with escapes that show groups in bold.
        subtasks: on a terminal the tasks of a group that holds many too; elsewhere they are there anyway.
    """
    large = {} if subtasks or columns is None else _large(results)
    hidden = {task for of_group in large.values() for task in of_group}
    entries = [each for each in _entries(results) if each.is_group or each.found.name not in hidden]
    lines = _table(entries, colour)
    if columns is not None and max(map(len, _table(entries, colour=False))) > columns:
        widest = max(len(name) for entry in entries for name in entry.found.figures)
        lines = [line for entry in entries for line in _listed(entry, columns, widest)]
    for name, of_group in large.items():
        told = f"{len(of_group)} tasks of {name}: --subtasks shows each, and --output FILE has each"
        lines += folded(told, columns or _UNLIMITED)
    return lines


def summary(results: TaskResults) -> Iterator[str]:
    """What it took, and what should be known of it."""
    effort = results.effort
    if effort.requests:
        kept = f", {effort.remembered:,} of them answered before" if effort.remembered else ""
        yield f"{effort.requests:,} requests{kept}, in {duration(effort.seconds)}"
    if effort.truncated:
        context = f"the model's context of {effort.max_length:,} tokens"
        yield f"{effort.truncated:,} of them were longer than {context}: cut from the left, as lm-eval does"
    yield from results.notes


def _large(results: TaskResults) -> dict[str, tuple[str, ...]]:
    """Groups that are in no other one and hold many tasks, with these."""
    children: Mapping[str, Sequence[str]] = results.document.get("group_subtasks", {})
    inside = {child for name in results.groups for child in children.get(name, ())}
    found = {name: tuple(dict.fromkeys(members(results, name))) for name in results.groups}
    return {name: tasks for name, tasks in found.items() if name not in inside and len(tasks) > _MANY}


def _entries(results: TaskResults) -> Iterator[_Entry]:
    subtasks: Mapping[str, Sequence[str]] = results.document.get("group_subtasks", {})
    for name in outermost(results):
        yield from _with_children(results, name, subtasks, depth=0)


def _with_children(
    results: TaskResults, name: str, subtasks: Mapping[str, Sequence[str]], depth: int
) -> Iterator[_Entry]:
    found = results.groups.get(name) or results.tasks.get(name)
    if found is not None:
        yield _Entry(found, depth, is_group=name in results.groups)
    for child in subtasks.get(name, ()):
        yield from _with_children(results, child, subtasks, depth + (found is not None))


def _table(entries: Sequence[_Entry], colour: bool) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in _HEADERS:
        drawn.add_column(header, justify="right" if header in _RIGHT else "left", no_wrap=True)
    for entry in entries:
        head = (entry.label, entry.found.version, entry.shots, entry.examples)
        for number, (name, figure) in enumerate(entry.found.figures.items()):
            cells = (*(head if number == 0 else ("",) * len(head)), name, *_cells(figure))
            drawn.add_row(*map(Text, cells), style="bold" if entry.is_group else None)
    file = io.StringIO()
    Console(
        file=file, width=_UNLIMITED, force_terminal=colour, no_color=not colour, legacy_windows=False
    ).print(drawn)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _listed(entry: _Entry, columns: int, widest: int) -> Iterator[str]:
    """A task in lines of its own, for a terminal that is too narrow for the table."""
    facts = (
        ("version ", entry.found.version, ""),
        ("", entry.shots, " shots"),
        ("", entry.examples, " examples"),
    )
    told = ", ".join(before + fact + after for before, fact, after in facts if fact)
    indent = _INDENT * entry.depth
    yield from folded(f"{entry.label}  {told}", columns)
    for name, figure in entry.found.figures.items():
        arrow, value, error = _cells(figure)
        yield f"{indent}    {name.ljust(widest)}  {arrow or ' '} {value} {error}".rstrip()


def _cells(figure: Figure) -> tuple[str, str, str]:
    """Which way is better, the value, and its error."""
    error = "" if figure.stderr is None or math.isnan(figure.stderr) else f"± {figure.stderr:.4f}"
    return _ARROWS[figure.higher_is_better], f"{figure.value:.4f}", error
