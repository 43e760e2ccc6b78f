"""`plugins list` and `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from brahma.core.commands.plugins import list_plugins
from brahma.core.config.sections import Section
from brahma.core.entries import CommandEntry, resolve
from brahma.core.plugins import KINDS, Plugins, get_plugins
from tests.plugin_factory import install_distribution, plugin_site

PLUGIN = """
from brahma.core.entries import AugmenterEntry
from brahma.core.hookspecs import hookimpl

@hookimpl
def brahma_augmenters():
    yield AugmenterEntry(name="swap", target="math:sqrt", summary="Swaps two letters")
"""


def invoke(command: click.Command, *args: str) -> Result:
    return CliRunner().invoke(command, args, catch_exceptions=False)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to lay distributions into; plugins are read anew, before and after."""
    with plugin_site(tmp_path, monkeypatch):
        yield tmp_path


def test_every_entry_is_listed_with_its_origin(site: Path) -> None:
    install_distribution(
        site, "swapper", version="3.1", files={"swap_p.py": PLUGIN}, entry_points={"s": "swap_p"}
    )
    lines = invoke(list_plugins, "--kind", "augmenter").stdout.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "FROM", "SUMMARY"]
    assert "augmenter swap swapper 3.1 Swaps two letters" in [" ".join(line.split()) for line in lines]
    listed = invoke(list_plugins).stdout.splitlines()[1:]
    assert len(listed) == len(get_plugins().registrations)


def test_broken_and_doubled_plugins_are_listed_as_such_and_the_status_is_0(site: Path) -> None:
    for name in ("one", "two"):
        install_distribution(site, name, files={f"{name}_p.py": PLUGIN}, entry_points={name: f"{name}_p"})
    install_distribution(site, "bad", files={"bad_p.py": "import no_such"}, entry_points={"bad": "bad_p"})
    result = invoke(list_plugins)
    assert result.exit_code == 0
    assert result.stdout.count("name brought by two plugins: refused") == 2
    assert "broken plugin, passed over: bad (bad 1.0): ModuleNotFoundError" in result.stderr


def test_no_other_distribution_owns_this_package() -> None:
    from brahma.core.environment import foreign_owners

    assert foreign_owners() == []


@pytest.mark.parametrize("entry", [each.entry for each in Plugins().of_kind("command")], ids=lambda e: e.name)
def test_every_registered_command_exists_and_explains_itself(entry: CommandEntry) -> None:
    command = entry.load()
    assert isinstance(command, click.Command)
    assert command.help
    assert entry.summary


@pytest.mark.parametrize("kind", KINDS)
def test_every_registered_target_and_options_model_can_be_imported(kind: str) -> None:
    for each in get_plugins().of_kind(kind):
        assert callable(each.entry.load())
        assert each.entry.options is None or issubclass(resolve(each.entry.options), Section)
        assert each.entry.summary
        get_plugins().find(kind, each.entry.name)


def test_no_plugin_of_the_platform_is_broken() -> None:
    assert [str(each) for each in get_plugins().broken] == []
