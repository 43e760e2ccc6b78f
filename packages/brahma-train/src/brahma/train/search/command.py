"""`brahma search`."""

from __future__ import annotations

import json
import sys

import click

from brahma.core.complete import config_files, config_keys
from brahma.core.layout import columns_of, folded


@click.command()
@click.option(
    "--config",
    "-c",
    "path",
    required=True,
    type=click.Path(),
    shell_complete=config_files,
    help="JSON, YAML or TOML file: what is varied, and what a trial is otherwise.",
)
@click.option(
    "--optimize",
    metavar="NAME,NAME,…",
    help="What is varied, such as lr,batch_size,warmup_steps; absent: all of search.parameters.",
)
@click.option("--trials", type=click.IntRange(min=1), help="Configurations that are tried.  [default: 20]")
@click.option("--metric", help="What is compared: loss, perplexity, hellaswag/acc, …  [default: loss]")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Of all trials together.")
@click.option("--sampler", help="tpe, gp, random, qmc, brute_force, …  [default: tpe]")
@click.option("--storage", help="journal, a file, or a database's URL.  [default: journal]")
@click.option("--name", help="Of the study: the same name joins it, or goes on with it.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=config_keys,
    help="Override one key, as a.b=c.",
)
def search(path: str, optimize: str | None, overrides: tuple[str, ...], **given: str | int | None) -> None:
    """Search for better settings: many are tried, the best go on.

    The last line on standard output is the path of the best configuration.
    """
    from brahma.core.config import load_config
    from brahma.train.search.outcome import outcome, places
    from brahma.train.search.search import Search
    from brahma.train.search.showing import called

    asked = [f"search.{key}={_written(value)}" for key, value in given.items() if value is not None]
    resolved = load_config(path, (*overrides, *asked))
    names = None if optimize is None else [name.strip() for name in optimize.split(",") if name.strip()]
    found = Search(resolved, optimize=names)
    try:
        result = found.run()
    except (KeyboardInterrupt, SystemExit):
        show = f"`brahma searches show {called(found.study)}` shows what was found"
        _say(f"search {found.name} is paused: the same command goes on; {show}")
        raise
    for line in (*outcome(result, result.definition), *places(result)):
        _say(line)
    click.echo(str(result.file))


def _say(line: str) -> None:
    """On standard error; folded where a terminal would break it."""
    for part in folded(line, columns_of(sys.stderr) or sys.maxsize):
        click.echo(part, err=True)


def _written(value: str | int) -> str:
    """As `--set` reads it: a name stays a name."""
    return json.dumps(value)
