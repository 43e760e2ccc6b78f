"""Commands with many options: headings in the help, options in errors."""

from __future__ import annotations

import click
import pytest

from brahma.core.command import Command
from brahma.core.console import run_command
from brahma.core.errors import BrahmaError, ConfigError

SECTIONS = {"Model": ("--device", "--model"), "Output": ("--output",), "Of nothing": ()}


def printed(capsys: pytest.CaptureFixture[str], *args: str, error: BrahmaError | None = None) -> str:
    @click.command(cls=Command, sections=SECTIONS, arguments={"system_instruction": "--system"})
    @click.option("--model", help="What to look at.")
    @click.option("--output", help="Where to.")
    @click.option("--loud/--silent", help="How.")
    @click.option("--device", help="Where it runs.")
    @click.option("--seed", type=int)
    @click.option("--metrics")
    @click.option("--score")
    @click.option("--chat-template", is_flag=True)
    @click.option("--max-new-tokens", "-m", type=int)
    @click.option("--system")
    @click.option("--hidden", hidden=True)
    @click.argument("words", nargs=-1)
    def command(**options: object) -> None:
        if error is not None:
            raise error

    run_command(command, program="brahma test", args=list(args))
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_options_stand_under_their_headings_and_the_rest_below(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split()[0] for line in printed(capsys, "--help").splitlines() if line.strip()]
    assert lines[1:7] == ["Model:", "--device", "--model", "Output:", "--output", "Options:"]
    assert lines[7:9] == ["--loud", "--seed"]
    assert lines[-1] == "--help"
    assert "--hidden" not in lines
    assert "nothing" not in lines
    assert "[WORDS]..." not in lines  # the usage line has it


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ConfigError("device 'warp' cannot be used", hint="device='auto'"), "hint: --device auto\n"),
        (
            ConfigError("no", hint='Ask for metrics=["f1", "bleu"] too'),
            "hint: Ask for --metrics f1,bleu too\n",
        ),
        (ConfigError("no", hint="chat_template=True does it"), "hint: --chat-template does it\n"),
        (ConfigError("seed is -1", where="seed", hint="0"), "error: --seed is -1\n"),
        (ConfigError("no such name", where="metrics", hint="f1"), "error: --metrics: no such name\n"),
        (ConfigError("cut at max_new_tokens", hint="more"), "error: cut at --max-new-tokens\n"),
        (ConfigError("x", hint="leave out system_instruction."), "hint: leave out --system.\n"),
    ],
)
def test_an_error_speaks_of_options(
    capsys: pytest.CaptureFixture[str], error: BrahmaError, told: str
) -> None:
    assert told in printed(capsys, error=error)


@pytest.mark.parametrize(
    "text",
    [
        "the seed is a score of the device",
        'write {"max_new_tokens": 3}',
        "training.max_new_tokens is another",
        "see runs/max_new_tokens/metrics.jsonl",
        "my_max_new_tokens=3",
        "give --metrics=f1",
    ],
)
def test_other_words_are_left_alone(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert f"hint: {text}\n" in printed(capsys, error=ConfigError(text, where="file.jsonl:2", hint=text))
