"""`brahma doctor`: what this machine has, and what is wrong with the installation."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.util import find_spec

import click

from brahma.core.console import print_table
from brahma.core.environment import cores, foreign_owners, versions
from brahma.core.errors import EXIT_USER_ERROR, PluginError
from brahma.core.plugins import KINDS, PLUGINS_VARIABLE, Plugins, get_plugins
from brahma.core.sizes import size


@click.command()
@click.option("--measure/--no-measure", default=True, help="Measure matrix rates (about 2 s).")
def doctor(measure: bool) -> int:
    """Check this machine and the installation; exit status 2 when something is wrong."""
    rows = [("python", platform.python_version()), ("platform", platform.platform()), ("cores", str(cores()))]
    rows += list(versions().items())
    if find_spec("torch"):
        rows += list(_torch_rows(measure))
    print_table(("WHAT", "VALUE"), rows)
    problems = find_problems(get_plugins())
    for problem in problems:
        click.echo(f"\nproblem: {problem}", err=True)
    if not problems:
        click.echo("\nno problem found", err=True)
    return EXIT_USER_ERROR if problems else 0


def find_problems(plugins: Plugins) -> list[str]:
    """What is wrong with the installation, each with what to do about it."""
    problems = [
        f"{owner} owns brahma/__init__.py\n"
        f"hint: pip uninstall {owner}, then reinstall brahma-core; {owner} is another project of that name"
        for owner in foreign_owners()
    ]
    for broken in plugins.broken:
        remedy = f"pip install --force-reinstall {broken.distribution}, or pip uninstall it"
        if not broken.distribution:
            remedy = f"pip install it, or take it out of {PLUGINS_VARIABLE}"
        problems.append(f"plugin passed over: {broken}\nhint: {remedy}")
    for kind in KINDS:
        try:
            plugins.entries(kind)
        except PluginError as error:
            problems.append(str(error).replace("\n\n", "\n"))
    if not find_spec("torch"):
        problems.append('torch is not installed\nhint: pip install "brahma-core[models]"')
    return problems


def _torch_rows(measure: bool) -> Iterator[tuple[str, str]]:
    import torch

    from brahma.core.devices import find_devices, measure_matrix_rate

    yield "torch threads", str(torch.get_num_threads())
    for device in find_devices():
        memory = f", {size(device.memory_bytes)}" if device.memory_bytes else ""
        yield device.name, f"{device.model}{memory}"
        if measure:
            for dtype, label in ((torch.bfloat16, "bfloat16"), (torch.float32, "float32")):
                rate = measure_matrix_rate(dtype, device.name)
                yield f"{device.name} {label}", f"{rate / 1e9:,.0f} GFLOP/s"
