"""`brahma chat`: talk with a model in a terminal, or through a pipe."""

from __future__ import annotations

import sys
from typing import Any

import click

from brahma.core.command import Command
from brahma.evaluation.commands.options import (
    MODEL_OPTIONS,
    SAMPLING_OPTIONS,
    model_options,
    sampling_options,
)


@click.command(
    cls=Command,
    sections={
        "Model": MODEL_OPTIONS,
        "Conversation": ("--system", "--load", "--save"),
        "How it writes": SAMPLING_OPTIONS,
    },
)
@model_options
@click.option("--system", help="A system message before the conversation.")
@click.option("--load", help="Go on with the last conversation of this .jsonl.")
@click.option("--save", help="Append the conversation to this .jsonl at the end; /save does it at once.")
@sampling_options
def chat(
    model: str,
    device: str,
    dtype: str | None,
    trust_remote_code: bool,
    system: str | None,
    load: str | None,
    save: str | None,
    **sampling: Any,
) -> None:
    """Talk with MODEL: a run's name or folder, a checkpoint, a model folder, or a hub id.

    In a terminal, /help shows what you can do. Without one, each line of standard input is a message, and the
    answers go to standard output.
    """
    from brahma.evaluation.chat import ChatSession, Conversation
    from brahma.evaluation.chat.commands import ChatState
    from brahma.evaluation.chat.pipe import answer_lines
    from brahma.evaluation.chat.terminal import chat_in_terminal, note
    from brahma.evaluation.generator import Generator
    from brahma.evaluation.sampling import Sampling

    settings = Sampling(**sampling)  # slips in numbers and files are told before anything is loaded
    conversation = Conversation.load(load) if load else Conversation()
    conversation.system = system or conversation.system
    if save:
        conversation.check_target(save)
    generator = Generator(model, device=device, dtype=dtype, trust_remote_code=trust_remote_code)
    session = ChatSession(generator, sampling=settings, conversation=conversation)
    state = ChatState(session, save)
    try:
        if sys.stdin.isatty() and sys.stdout.isatty():
            chat_in_terminal(state)
        else:
            answer_lines(session, sys.stdin, write=_write, note=note)
    finally:
        if save and len(conversation) and conversation.save(save):
            note(f"saved as a row of {save}")


def _write(piece: str) -> None:
    sys.stdout.write(piece)
    sys.stdout.flush()
