"""Versions, plugins, and what is wrong with either."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import requires
from importlib.util import find_spec

from brahma.core.doctor.facts import Fact, Problem
from brahma.core.environment import LIBRARIES, foreign_owners, installed_version
from brahma.core.error_text import first_line
from brahma.core.errors import PluginError
from brahma.core.plugins import DISTRIBUTIONS, KINDS, PLUGINS_VARIABLE, BrokenPlugin, Plugins


def version_facts() -> Iterator[Fact]:
    """Python, the five distributions (one line when they agree), and the libraries below them."""
    yield Fact("python", platform.python_version())
    ours = {name: installed_version(name) or "not installed" for name in DISTRIBUTIONS}
    if len(set(ours.values())) == 1:
        yield Fact("brahma-*", ours["brahma-core"], "all five distributions")
    else:
        yield from (Fact(name, found) for name, found in ours.items())
    tested = _tested_versions()
    for name in LIBRARIES:
        found = installed_version(name)
        yield Fact(name, found or "not installed", _compared(found, tested.get(name)))


def plugin_facts(plugins: Plugins) -> Iterator[Fact]:
    """What each distribution brings, and those that were passed over."""
    for name, version in plugins.distributions().items():
        count = sum(each.distribution == name for each in plugins.registrations)
        if count:
            yield Fact(f"{name} {version}", "works", f"{count} entries")
    for slow in plugins.slow:
        told = f"takes {slow.seconds:.1f} s to load: every command waits for it"
        yield Fact(f"{slow.distribution} {slow.version}", "slow", told)
    for broken in plugins.broken:
        yield Fact(f"{broken.distribution or broken.name} {broken.version}".strip(), "broken", broken.error)


def installation_problems(plugins: Plugins) -> Iterator[Problem]:
    """What is wrong with the installation."""
    for owner in foreign_owners():
        hint = f"pip uninstall {owner}, then reinstall brahma-core; {owner} is another project of that name"
        yield Problem(f"{owner} owns brahma/__init__.py", hint)
    for broken in plugins.broken:
        yield Problem(f"plugin passed over: {broken}", _remedy(broken))
    for kind in KINDS:
        try:
            plugins.entries(kind)
        except PluginError as error:
            yield Problem(f"{error.message}: {error.why}", error.hint or "")
    versions = {name: found for name in DISTRIBUTIONS if (found := installed_version(name))}
    if len(set(versions.values())) > 1:
        listed = ", ".join(f"{name} {found}" for name, found in versions.items())
        yield Problem(f"the distributions are of different versions: {listed}", "Install all of one version")


def torch_problem() -> Problem | None:
    """Why torch cannot be used, which is imported here; None when it can."""
    if not find_spec("torch"):
        return Problem("torch is not installed", 'pip install "brahma-core[models]"')
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: a shared library of it is missing or damaged
        return Problem(
            f"torch cannot be imported: {first_line(error)}", "pip install --force-reinstall torch"
        )
    return None


def _remedy(broken: BrokenPlugin) -> str:
    if not broken.distribution:
        return f"pip install it, or take it out of {PLUGINS_VARIABLE}"
    return f"pip install --force-reinstall {broken.distribution}, or pip uninstall it"


def _tested_versions() -> dict[str, str]:
    """Library -> the versions that this was tested with (`==2.13.*`), from brahma-core's own metadata."""
    if not find_spec("packaging"):  # comes with transformers
        return {}
    from packaging.requirements import Requirement

    needed = (Requirement(line) for line in requires("brahma-core") or ())
    return {each.name: str(each.specifier) for each in needed if str(each.specifier).startswith("==")}


def _compared(found: str | None, tested: str | None) -> str:
    if found is None or tested is None:
        return ""
    from packaging.specifiers import SpecifierSet

    inside = SpecifierSet(tested).contains(found, prereleases=True)
    return "" if inside else f"tested with {tested.removeprefix('==')}: results may differ"
