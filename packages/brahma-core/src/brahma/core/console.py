"""What a terminal shows: errors with a hint and an exit status, and plain tables.

Data goes to stdout, everything else to stderr. Colour only on a terminal and never with `NO_COLOR`
(https://no-color.org).
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

import click

from brahma.core.error_text import error_lines
from brahma.core.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USER_ERROR, BrahmaError
from brahma.core.layout import columns_of, folded, table_lines
from brahma.core.noise import ask_for_quiet, catching, is_debugging
from brahma.core.suggest import nearest

EXIT_BROKEN_PIPE = 1  # as click has it, which sees most broken pipes before we do

COLOURS = {"error": 160, "warning": 130, "hint": 31, "good": 28}
"""Of the 256 colours that no theme redefines; each is readable on black and on white."""


def run_command(command: click.Command, *, program: str, args: Sequence[str] | None = None) -> int:
    """Run a command as a program: every error becomes a message on stderr and an exit status.

    `brahma` and `python -m brahma.train` both end in `sys.exit(run_command(...))`. A command says another
    status than 0 by returning it or with `ctx.exit(status)`.

    Args:
        command: the click command.
        program: what the user typed to get here, for usage lines.
        args: the arguments; None: those of the process.

    Returns:
        0; 2 for a user's mistake; 1 for a bug, with the traceback in a file that is named, and, without a
        word, when the reader of a pipe went away; 130 for Ctrl-C.
    """
    _open_closed_streams()
    try:
        _require_working_directory()
        with ExitStack() as undo:
            if not is_debugging():
                ask_for_quiet()
                undo.enter_context(catching(print_warning))
            status = command.main(args, prog_name=program, standalone_mode=False)
        sys.stdout.flush()
    except BrahmaError as error:
        return _fail(error, EXIT_USER_ERROR)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USER_ERROR
    except click.ClickException as error:
        return _fail(_usage_text(error), EXIT_USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nstopped" if sys.stderr.isatty() else "stopped", err=True)  # below the terminal's ^C
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.errno not in _REMEDIES:
            return _fail(_bug_text(error), EXIT_BUG)
        if error.filename is None:
            _drop_output()
        return _fail(_of_the_machine(error), EXIT_USER_ERROR)
    except Exception as error:
        return _fail(_bug_text(error), EXIT_BUG)
    return status if isinstance(status, int) else 0


def _open_closed_streams() -> None:
    """Open nothing where the caller closed a stream (`>&-`): else the next file would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 (it stays open)


def _require_working_directory() -> None:
    """Raises BrahmaError when it was deleted: libraries fail by that in ways that nobody understands."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise BrahmaError(
            "the working directory does not exist any more",
            where=os.environ.get("PWD"),
            hint="Change to a folder that exists: cd",
        ) from error


def _drop_output() -> None:
    """Throw away what could not be written: else the interpreter complains when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_REMEDIES = {
    errno.ENOSPC: "Free some space, and repeat",
    errno.EDQUOT: "Free some space, and repeat",
    errno.EACCES: "Mend its rights (ls -ld), or choose another place",
    errno.EPERM: "Mend its rights (ls -ld), or choose another place",
    errno.EROFS: "Choose another place",
    errno.ENAMETOOLONG: "Choose a shorter name",
}
"""What to do about what the system refuses, whatever was being done."""


def _of_the_machine(error: OSError) -> BrahmaError:
    return BrahmaError(
        "cannot be read or written" if error.filename else "the output cannot be written",
        where=str(error.filename) if error.filename else None,
        why=error.strerror,
        hint=_REMEDIES[error.errno or 0],
    )


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headers to stdout; nothing is cut. In a pipe, a row is one line."""
    for number, line in enumerate(table_lines(headers, rows, columns_of(sys.stdout))):
        click.echo(paint(line, bold=True) if number == 0 else line)


def has_colour(stream: TextIO) -> bool:
    """Whether to write colour to this stream: a terminal, and `NO_COLOR` not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, **style: Any) -> str:
    """The text in click's styles, where standard output takes colour."""
    return click.style(text, **style) if has_colour(sys.stdout) else text


def as_typed(path: Path) -> str:
    """The path as a shell takes it; one that begins with a dash is no option."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def print_error(error: BrahmaError | str) -> None:
    """Print `error: …` and, after a blank line, `hint: …` to stderr; on a terminal, wrapped to its width."""
    columns = columns_of(sys.stderr)
    if columns is None:
        click.echo(f"error: {error}", err=True)
        return
    if isinstance(error, BrahmaError):
        lines = error_lines(error, columns)
    else:
        lines = chain.from_iterable(folded(line, columns) for line in f"error: {error}".split("\n"))
    for line in lines:
        click.echo(_coloured(line), err=True)


def print_warning(text: str) -> None:
    """Print `warning: …` to stderr."""
    for line in f"warning: {text}".split("\n"):
        for part in folded(line, columns_of(sys.stderr) or sys.maxsize):
            click.echo(_coloured(part), err=True)


_LABELS = {"error:": "error", "warning:": "warning", "hint:": "hint"}


def _coloured(line: str) -> str:
    """The line with its label coloured, where stderr takes colour; of a quoted file, the marks."""
    if not has_colour(sys.stderr):
        return line
    for label, name in _LABELS.items():
        if line.lstrip().startswith(label):
            return line.replace(label, click.style(label, fg=COLOURS[name], bold=True), 1)
    if re.fullmatch(r" +│ +\^+", line):
        return click.style(line, fg=COLOURS["error"])
    return line


def _fail(error: BrahmaError | str, status: int) -> int:
    print_error(error)
    return status


def _usage_text(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())  # click lists choices with tabs
    message, _, guess = text.rstrip(".").partition(". Did you mean ")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    hint = f"`{context.command_path} --help` shows how it is used"
    if near := _nearest_choice(error, message):
        hint = f"did you mean {near!r}? {hint}"
    elif guess and guess != "'--help'?":
        hint = f"did you mean {guess.removesuffix('?')}? {hint}"
    elif isinstance(error, click.MissingParameter) and isinstance(error.param, click.Option):
        option = f"{max(error.param.opts, key=len)} {error.param.make_metavar(context)}"
        hint = f"add {option}: {error.param.help} {hint}"
    return f"{message}\n\nhint: {hint}"


def _nearest_choice(error: click.ClickException, message: str) -> str | None:
    """The choice of an option that is most like the one given."""
    choices = getattr(getattr(error, "param", None), "type", None)
    given = re.search(r": '(.*)' is not one of ", message)
    if given is None or not isinstance(choices, click.Choice):
        return None
    return nearest(given[1], list(map(str, choices.choices)))


def _bug_text(error: Exception) -> str:
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return (
        f"{cause}\n  cause: this is a bug in Brahma or in a plugin, not a mistake of yours\n\n"
        f"hint: The whole story is in {_write_traceback(error)}; please report it with that file"
    )


def _write_traceback(error: Exception) -> Path:
    """Write the traceback into `logs/` if there is one here, else into the temporary folder."""
    text = "".join(traceback.format_exception(error))
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for folder in (Path("logs").absolute(), Path(tempfile.gettempdir())):
        if folder.is_dir() and os.access(folder, os.W_OK):
            path = folder / name
            with suppress(OSError):  # no room
                path.write_text(text, encoding="utf-8")
                return path
    raise error
