"""A command whose many options stand under headings, and whose errors speak of options.

What a command calls is a library too, so an error may name an argument of Python: `max_new_tokens`, or
`device='auto'`. Who typed a command reads `--max-new-tokens` and `--device auto` instead.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from brahma.core.errors import BrahmaError

_OTHERS = "Options"
_VALUE = r"""'[^']*'|"[^"]*"|\[[^\]]*\]|-?\d+(?:\.\d+)?|True"""


class Command(click.Command):
    """A click command, for `@click.command(cls=Command)`.

    Args:
        sections: headings of the help, and under each its options, `--model`; what no section has stands
            below all of them.
        arguments: options by the names of Python's arguments, where these are not the option's own.
    """

    def __init__(
        self,
        *args: Any,
        sections: Mapping[str, Sequence[str]] | None = None,
        arguments: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections or {}
        self._arguments = arguments or {}

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under the headings, each in the order of its section."""
        records = {
            option: record
            for each in self.get_params(ctx)
            if isinstance(each, click.Option)
            if (record := each.get_help_record(ctx)) is not None
            for option in each.opts
        }
        listed = {option for options in self.sections.values() for option in options}
        others = [option for option in records if option not in listed]
        for title, options in {**self.sections, _OTHERS: others}.items():
            rows = list(dict.fromkeys(records[option] for option in options if option in records))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's; errors name options."""
        try:
            return super().invoke(ctx)
        except BrahmaError as error:
            name_options(error, self._options())
            raise

    def _options(self) -> dict[str, str]:
        """The option of each argument."""
        own = {
            each.name: max(each.opts, key=len)
            for each in self.params
            if isinstance(each, click.Option) and each.name is not None
        }
        return {**own, **self._arguments}


def name_options(error: BrahmaError, options: Mapping[str, str]) -> None:
    """Write options in place of Python's arguments: in an error's message, its place and its hint.

    A word such as `seed` may just be a word: it is an argument with a value behind it, `seed=3`, as the place
    or at the beginning of the message behind that place. A name with an underscore is one anywhere.

    Args:
        options: by the argument's name, `{"max_new_tokens": "--max-new-tokens"}`.
    """
    place = error.where
    if place in options:
        assert place is not None
        error.where = options[place]
        error.message = re.sub(rf"^{re.escape(place)}\b", options[place], error.message)
        if error.message.startswith(f"{error.where} "):
            error.where = None  # it would stand there twice
    error.message = _bare(error.message, options)
    if error.hint is not None:
        error.hint = _bare(_assigned(error.hint, options), options)
    error.args = (error.message,)


def _assigned(text: str, options: Mapping[str, str]) -> str:
    """`device='auto'` as `--device auto`."""
    return re.sub(
        rf"(?<![\w.\-])({_any(options)})=({_VALUE})(?![\w=])",
        lambda found: _as_typed(options[found[1]], found[2]),
        text,
    )


def _bare(text: str, options: Mapping[str, str]) -> str:
    """`max_new_tokens` as `--max-new-tokens`; a key in quotes, or a part of a path, is left alone."""
    names = [name for name in options if "_" in name]
    if not names:
        return text
    pattern = rf"""(?<![\w./"'\-])({_any(names)})(?!\w|[./]\w|["'])"""
    return re.sub(pattern, lambda found: options[found[1]], text)


def _any(names: Iterable[str]) -> str:
    return "|".join(map(re.escape, names))


def _as_typed(option: str, value: str) -> str:
    """The option with its value as a shell takes it; a truth value is the option alone."""
    if value == "True":
        return option
    try:
        given = ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return f"{option} {value}"
    text = ",".join(map(str, given)) if isinstance(given, list) else str(given)
    return f"{option} {shlex.quote(text)}"
