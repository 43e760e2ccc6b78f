"""Options that the commands share: the model, and how it writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from brahma.core.complete import models
from brahma.evaluation.sampling import Sampling

_DEFAULTS = Sampling()

_MODEL = (
    click.argument("model", shell_complete=models),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps."),
    click.option("--dtype", help="float32, bfloat16 or float16; by default as it was saved."),
    click.option("--trust-remote-code", is_flag=True, help="Run code that the model's folder ships."),
)
_SAMPLING = (
    click.option("--max-new-tokens", type=int, help="Tokens to write at most; by default 256, or what fits."),
    click.option(
        "--temperature",
        default=_DEFAULTS.temperature,
        show_default=True,
        help="0 takes the likeliest token each time.",
    ),
    click.option(
        "--top-k", default=_DEFAULTS.top_k, show_default=True, help="Sample among so many tokens; 0: all."
    ),
    click.option(
        "--top-p",
        default=_DEFAULTS.top_p,
        show_default=True,
        help="Sample among the tokens that hold so much; 1: all.",
    ),
    click.option(
        "--min-p",
        default=_DEFAULTS.min_p,
        show_default=True,
        help="Leave out tokens less likely than this share of the likeliest.",
    ),
    click.option(
        "--repetition-penalty",
        default=_DEFAULTS.repetition_penalty,
        show_default=True,
        help="Above 1: less of what was there before.",
    ),
    click.option("--stop", multiple=True, help="A text that ends the answer. Can be given again."),
    click.option(
        "--seed", default=_DEFAULTS.seed, show_default=True, help="The same seed writes the same text."
    ),
)


MODEL_OPTIONS = ("--device", "--dtype", "--trust-remote-code")
SAMPLING_OPTIONS = (
    *("--max-new-tokens", "--temperature", "--top-k", "--top-p", "--min-p"),
    *("--repetition-penalty", "--stop", "--seed"),
)


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL and how it is loaded: the arguments `model`, `device`, `dtype`, `trust_remote_code`."""
    return _decorated(command, _MODEL)


def sampling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The fields of `Sampling`, as arguments of those names."""
    return _decorated(command, _SAMPLING)


def _decorated(command: Callable[..., Any], options: tuple[Any, ...]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
