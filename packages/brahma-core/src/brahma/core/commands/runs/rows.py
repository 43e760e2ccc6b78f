"""What the commands about runs share: their options, and pieces of rows."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from brahma.core.console import paint, print_table
from brahma.core.errors import MissingDependencyError, RunError
from brahma.core.layout import aligned, columns_of
from brahma.core.plot import Curves, plot_curves, save_figure
from brahma.core.runs import Run, RunState
from brahma.core.terminal_curve import Line, Style, draw_lines

_COLUMNS = 80  # where there is no terminal

_Command = TypeVar("_Command", bound=Callable[..., Any] | click.Command)


def output_dir_of(folder: str) -> Callable[[_Command], _Command]:
    """The option that says where a folder such as `runs/` lies."""
    return click.option(
        "--output-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=".",
        show_default="the working directory",
        help=f"Where {folder} lies.",
    )


output_dir_option = output_dir_of("runs/")
plot_option = click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the curves as a picture too: .png, .svg or .pdf.",
)
curve_option = click.option("--no-curve", is_flag=True, help="Draw no curve in the terminal.")


def steps(state: RunState) -> str:
    return f"{state.step}/{'?' if state.total_steps is None else state.total_steps}"


def best_by(value: float | None, metric: str) -> str:
    """`0.3120 hellaswag/acc`: what a checkpoint is the best by; the loss goes without its name."""
    return (
        " ".join([number(value, ".4f"), *([metric] if metric != "loss" else [])]) if value is not None else ""
    )


def model_name(run: Run) -> str:
    """The preset or base model, else layers and width; empty where the configuration cannot be read."""
    try:
        model = run.read_config().get("model_config")
    except RunError:
        return ""
    if not isinstance(model, dict):
        return ""
    if named := model.get("preset") or model.get("base_model"):
        return str(named)
    layers, width = model.get("num_hidden_layers"), model.get("hidden_size")
    return f"{layers} layers of {width}" if layers and width else ""


def called(run: Run) -> str:
    """What a command takes for the run from where the user is: its name, or its folder."""
    here = run.directory.parent.parent == Path.cwd()
    return shlex.quote(run.name if here else str(run.directory))


def trying(run: Run) -> str:
    """What to type to see what a run has learned: of conversations a chat, of other data a text."""
    try:
        is_chat = run.read_ledger().get("format") == "chat"
    except RunError:
        is_chat = False
    return f"brahma chat {called(run)}" if is_chat else f'brahma generate {called(run)} --prompt "…"'


def number(value: float | None, form: str | None = None) -> str:
    """As text; empty for what was not measured. Without a form: whole ones in full, others in six digits."""
    if value is None:
        return ""
    return format(value, form or (",.0f" if float(value).is_integer() else ",.6g"))


def text(value: Any) -> str:
    """A value of a configuration as people write it."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(text(each) for each in value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, ".6g") if isinstance(value, float) and math.isfinite(value) else str(value)


def phase_name(phase: str) -> str:
    return phase.replace("_", "/")


def print_section(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with a blank line before it; nothing without rows. Too wide for the terminal: line by line."""
    if not rows:
        return
    click.echo()
    columns = columns_of(sys.stdout)
    if len(headers) <= 2 or columns is None or max(map(len, aligned([headers, *rows]))) <= columns:
        print_table(headers, rows)
        return
    click.echo(paint(headers[0], bold=True))
    for key, *values in rows:
        click.echo(key)
        for line in aligned(list(zip(headers[1:], values, strict=True))):
            click.echo(f"  {line}")


def print_curves(lines: Sequence[Line], title: str = "loss by step") -> None:
    """Draw curves at the terminal's width after a blank line; without plotext, say how to get it."""
    width = columns_of(sys.stdout) or _COLUMNS
    try:
        style = Style.of(sys.stdout, width)
        drawing = draw_lines(lines, style, height=min(24, max(14, width // 8)), title=title)
    except MissingDependencyError as error:
        click.echo(f"{error.message}: {error.hint}", err=True)
        return
    if drawing:
        click.echo(f"\n{drawing}", color=True if "\x1b" in drawing else None)


def print_picture(read: Mapping[str, Curves], path: Path) -> None:
    """Save the curves of runs, by name, as a picture, and say where."""
    save_figure(plot_curves(read), path)
    click.echo(f"\npicture: {path}", err=True)
