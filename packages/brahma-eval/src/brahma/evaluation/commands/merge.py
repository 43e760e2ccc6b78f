"""`brahma merge`: parse, one call, print. Nothing but the path goes to stdout."""

from __future__ import annotations

import click

from brahma.core.command import Command
from brahma.core.complete import models


@click.command(cls=Command)
@click.argument("adapter", shell_complete=models)
@click.option("--output", required=True, metavar="DIR", help="Folder for the model; it must not exist.")
@click.option("--base", metavar="MODEL", help="Where the base model is now, if it was moved.")
@click.option("--dtype", help="float32, bfloat16 or float16; by default what the adapter was trained in.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that the base model's folder ships.")
def merge(
    adapter: str, output: str, base: str | None, dtype: str | None, device: str, trust_remote_code: bool
) -> None:
    """Make a plain model of ADAPTER and its base: a run's name or folder, or an adapter's folder.

    The logits before and after are compared; a difference that rounding does not explain is refused. A
    quantized base is dequantized first.
    """
    from brahma.evaluation.merging import merge_adapter

    report = merge_adapter(
        adapter, output, base=base, dtype=dtype, device=device, trust_remote_code=trust_remote_code
    )
    click.echo(report, err=True)
    click.echo(report.path)
