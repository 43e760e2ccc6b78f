"""`brahma generate`: parse, one call, print. Nothing but the text goes to stdout."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from brahma.core.command import Command
from brahma.core.errors import ConfigError
from brahma.evaluation.commands.options import (
    MODEL_OPTIONS,
    SAMPLING_OPTIONS,
    model_options,
    sampling_options,
)

if TYPE_CHECKING:
    from brahma.evaluation.generator import Generator
    from brahma.evaluation.prompting import Prompt
    from brahma.evaluation.sampling import Sampling


class _GenerateCommand(Command):
    """Answers those who type the prompt behind the model."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        loose = super().parse_args(ctx, args)
        if loose and not ctx.resilient_parsing:
            text = " ".join(loose)
            raise ConfigError(
                f"{text!r} stands alone",
                why="a prompt has an option of its own",
                hint=f"brahma generate {shlex.quote(ctx.params['model'])} --prompt {shlex.quote(text)}",
            )
        return loose


@click.command(
    cls=_GenerateCommand,
    sections={
        "Model": MODEL_OPTIONS,
        "Prompts": (
            "--prompt",
            "--message",
            "--system",
            "--input",
            "--output",
            "--num-samples",
            "--batch-size",
        ),
        "How it writes": SAMPLING_OPTIONS,
    },
)
@model_options
@click.option("--prompt", help="Text to go on from; '-' reads it from standard input.")
@click.option(
    "--message",
    "messages",
    multiple=True,
    help="A user's message, answered through the chat template. Given again: you, the model, you, …",
)
@click.option("--system", help="A system message before the conversation.")
@click.option("--input", "source", help="Prompts: a .txt with one a line, or a .jsonl of prompt or messages.")
@click.option("--output", help="The .jsonl to write the rows of --input into, with their answers.")
@click.option("--num-samples", default=1, show_default=True, help="Answers to each prompt.")
@click.option("--batch-size", default=8, show_default=True, help="Prompts of --input answered at once.")
@sampling_options
def generate(
    model: str,
    device: str,
    dtype: str | None,
    trust_remote_code: bool,
    prompt: str | None,
    messages: tuple[str, ...],
    system: str | None,
    source: str | None,
    output: str | None,
    num_samples: int,
    batch_size: int,
    **sampling: Any,
) -> None:
    """Let MODEL write: a run's name or folder, a checkpoint, a model folder, or a hub id."""

    from brahma.evaluation.generate import one_prompt
    from brahma.evaluation.generator import Generator, check_counts
    from brahma.evaluation.sampling import Sampling

    settings = Sampling(**sampling)  # slips in numbers and files are told before anything is loaded
    check_counts(num_samples=num_samples, batch_size=batch_size)
    load = partial(Generator, model, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    if source is None:
        if output is not None:
            raise click.UsageError("--output holds the answers to a file of prompts: give --input too")
        text = sys.stdin.read() if prompt == "-" else prompt
        given = one_prompt(text, _conversation(system, messages))
        _write_one(load(), given, settings, num_samples)
        return
    if prompt is not None or messages or system is not None:
        raise click.UsageError("--input holds the prompts: give no --prompt, --message or --system beside it")
    if output is None:
        raise click.UsageError("--input needs --output: the .jsonl to write the answers into")
    _write_many(load, source, Path(output), settings, num_samples, batch_size)


def _write_one(generator: Generator, prompt: Prompt, sampling: Sampling, num_samples: int) -> None:
    """The text as it is written in a terminal, whole through a pipe; further samples after a line `---`."""
    if num_samples > 1 or not sys.stdout.isatty():
        texts = generator.generate_with([prompt], sampling, num_samples=num_samples)
        click.echo("\n---\n".join(texts))
        return
    from brahma.evaluation.printable import printable

    try:
        for piece in generator.stream_with(prompt, sampling):
            click.echo(printable(piece), nl=False)
    finally:
        click.echo()


def _write_many(
    load: Callable[[], Generator],
    source: str,
    output: Path,
    sampling: Sampling,
    num_samples: int,
    batch_size: int,
) -> None:
    from brahma.evaluation.bulk import Bulk, check_output
    from brahma.evaluation.prompts import read_prompts

    check_output(output)
    rows = read_prompts(source, reserved=("sample",) if num_samples > 1 else ())
    bulk = Bulk(rows=rows, sampling=sampling, num_samples=num_samples, batch_size=batch_size)
    generator = load()
    try:
        before = bulk.run(generator, output)
    except KeyboardInterrupt:
        if (part := bulk.part(generator, output)).exists():
            click.echo(f"the answers so far are in {part}; the same command goes on there", err=True)
        raise
    if before:
        click.echo(f"{before:,} of {len(rows):,} prompts had been answered before", err=True)
    click.echo(output)


def _conversation(system: str | None, messages: tuple[str, ...]) -> list[dict[str, str]] | None:
    """Messages in turn: the first is the user's, the second the model's, …; None without any."""
    if not messages:
        if system is not None:
            raise click.UsageError("--system stands before a conversation: give a --message too")
        return None
    roles = ("user", "assistant")
    turns = [{"role": roles[index % 2], "content": text} for index, text in enumerate(messages)]
    return [{"role": "system", "content": system}, *turns] if system is not None else turns
