"""Options that several commands have."""

from __future__ import annotations

from typing import get_args

import click

from brahma.data.readers import TextDocument

text_document = click.option(
    "--text-document",
    type=click.Choice(get_args(TextDocument)),
    default="file",
    show_default=True,
    help="What one document is in plain text.",
)
on_bad_row = click.option(
    "--on-bad-row",
    type=click.Choice(["error", "skip"]),
    default="error",
    show_default=True,
    help="What a malformed row does: stop, or be left out.",
)
workers = click.option(
    "--workers", type=click.IntRange(min=1), help="Processes; by default one for each core."
)
