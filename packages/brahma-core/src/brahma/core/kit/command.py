"""What a command does."""

from __future__ import annotations

import click
from click.testing import CliRunner

from brahma.core.kit.checks import Check, CheckSkippedError, Subject, expect
from brahma.core.kit.child import in_child, load_cost


def is_a_command(subject: Subject) -> None:
    """The target is click's, with a help text."""
    command = subject.load()
    expect(isinstance(command, click.Command), f"its target is a {type(command).__name__}, no click.Command")


def explains_itself(subject: Subject) -> None:
    """`--help` works and says something."""
    command = _command(subject)
    expect(bool((command.help or "").strip()), "it has no docstring, of which the help is made")
    result = CliRunner().invoke(command, ["--help"], prog_name=f"brahma {subject.entry.name}")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    expect(result.exit_code == 0, f"--help ends with status {result.exit_code}: {result.output.strip()}")


def is_asked_rightly(subject: Subject) -> None:
    """An option that it does not have is refused as click does it, before anything runs."""
    result = CliRunner().invoke(_command(subject), ["--no-such-option-of-the-kit"])
    expect(result.exit_code == 2, f"an unknown option ends with status {result.exit_code}, not 2")


def loads_light(subject: Subject) -> None:
    """Whoever asks for help does not wait for torch."""
    heavy = in_child(f"{load_cost.__module__}:{load_cost.__qualname__}", subject.entry.target)
    expect(not heavy, f"loading it imports {' and '.join(heavy)}; import inside the function")


def _command(subject: Subject) -> click.Command:
    command = subject.load()
    if not isinstance(command, click.Command):
        raise CheckSkippedError("it is no click.Command")
    return command


CHECKS = (
    Check("is a click.Command", is_a_command),
    Check("explains itself", explains_itself),
    Check("refuses an unknown option", is_asked_rightly),
    Check("is loaded without torch", loads_light),
)
