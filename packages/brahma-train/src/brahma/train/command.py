"""`brahma train`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from brahma.core.complete import config_files, config_keys
from brahma.core.complete import resume as complete_resume
from brahma.core.errors import ConfigError
from brahma.core.suffixes import CONFIG_SUFFIXES


class _TrainCommand(click.Command):
    """Answers what newcomers type: a setting as an option, a file without `--config`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if key := _setting(error.option_name):
                raise _not_an_option(error.option_name, key, words) from error
            raise
        except click.MissingParameter as error:
            raise _no_configuration(words) from error


@click.command(cls=_TrainCommand)
@click.option(
    "--config",
    "-c",
    "path",
    required=True,
    type=click.Path(),
    shell_complete=config_files,
    help="JSON, YAML or TOML file.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=config_keys,
    help="Override one key, as a.b=c.",
)
@click.option(
    "--resume",
    default="never",
    show_default=True,
    metavar="never|auto|RUN",
    shell_complete=complete_resume,
    help="auto: go on with this configuration's run if there is one; RUN: with that one.",
)
@click.option(
    "--until-step",
    type=click.IntRange(min=1),
    metavar="STEP",
    help="Pause when this step is done; --resume goes on.",
)
@click.option("--local-rank", "--local_rank", type=int, default=0, hidden=True, help="Passed by launchers.")
def train(
    path: str, overrides: tuple[str, ...], resume: str, until_step: int | None, local_rank: int
) -> None:
    """Train as a configuration file says."""
    from brahma.core.config import load_config

    resolved = load_config(path, overrides)
    from brahma.core.commands.runs.rows import trying
    from brahma.train import Trainer

    run = Trainer.from_config(resolved).fit(resume=resume, until_step=until_step)
    click.echo(str(run.directory))
    if run.checkpoints:
        click.echo(f"\nnext: {trying(run)}", err=True)


def _setting(option: str) -> str | None:
    """The dotted key that an unknown option stands for: `--learning-rate` -> `training_config.lr`."""
    from brahma.core.config import Config
    from brahma.core.config.aliases import canonical
    from brahma.core.config.nearest import meant, normal

    word = normal(option.lstrip("-"))
    path = meant(Config, (word,))
    if path is None or str(path[-1]) != word:
        return None
    return ".".join(map(str, canonical(path)))


def _not_an_option(option: str, key: str, words: Sequence[str]) -> ConfigError:
    after = words[words.index(option) + 1 :] if option in words else []
    value = after[0] if after and not after[0].startswith("-") else "VALUE"
    return ConfigError(
        f"No such option '{option}'",
        why=f"settings stand in the configuration; this one is {key}",
        hint=f"--set {key}={value}",
    )


def _no_configuration(words: Sequence[str]) -> ConfigError:
    loose = [word for word in words if Path(word).suffix in CONFIG_SUFFIXES]
    if loose:
        return ConfigError(
            f"{loose[0]} stands alone: Missing option '--config'",
            hint=f"brahma train --config {shlex.join(words)}",
        )
    return ConfigError(
        "Missing option '--config'",
        why="a configuration says what to train, and on what",
        hint="brahma train --config FILE; `brahma init DATA` writes one",
    )
