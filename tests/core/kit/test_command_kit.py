"""The kit of commands, and the promises of every kind: each check is failed by an entry that breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brahma.core.kit import Check, assert_passes, checks_of
from brahma.core.kit.child import in_child
from brahma.core.kit.common import COMMON
from brahma.core.plugins import get_plugins
from tests.kit_site import failed, installed, outcomes
from tests.plugin_factory import install_distribution

NAMES = ("good", "function", "silent", "crashes", "lenient")
ENTRIES = f"""
    from brahma.core.entries import CommandEntry, MetricEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_commands():
        for name in {NAMES}:
            yield CommandEntry(name=name, target=f"trial_commands:{{name}}", summary="Of a test")
        yield CommandEntry(name="heavy", target="trial_heavy:heavy", summary="Of a test")
        yield CommandEntry(name="unsaid", target="trial_commands:good")
        yield CommandEntry(name="gone", target="trial_commands:gone", summary="Of a test")
        yield CommandEntry(
            name="defaults", target="trial_commands:good", options="trial_commands:Wrong", summary="Of a test"
        )
        yield CommandEntry(
            name="no_model", target="trial_commands:good", options="trial_commands:good", summary="Of a test"
        )
"""
COMMANDS = """
    import click
    from brahma.core.config.sections import Section

    class Wrong(Section):
        share: float = "much"

    @click.command()
    def good():
        \"\"\"Greet.\"\"\"

    def function():
        \"\"\"Greet.\"\"\"

    @click.command()
    def silent():
        pass

    class Crashing(click.Command):
        def format_help(self, context, formatter):
            raise RuntimeError("no help for you")

    crashes = Crashing("crashes", help="Greet.")

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("anything", nargs=-1)
    def lenient(anything):
        \"\"\"Greet.\"\"\"
"""
HEAVY = """
    import torch
    from trial_commands import good as heavy
"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    files = {"trial_commands.py": COMMANDS, "trial_heavy.py": HEAVY}
    with installed(tmp_path, monkeypatch, ENTRIES, files):
        yield tmp_path


def test_a_command_that_keeps_its_promises_passes() -> None:
    assert {outcome for outcome, _ in outcomes("command", "good").values()} == {"passed"}


CASES = [
    ("function", "is a click.Command", "its target is a function"),
    ("silent", "explains itself", "no docstring"),
    ("crashes", "explains itself", "RuntimeError: no help for you"),
    ("lenient", "refuses an unknown option", "ends with status 0, not 2"),
    ("heavy", "is loaded without torch", "loading it imports torch"),
    ("unsaid", "says what it is", "its summary is empty"),
    ("gone", "its target loads", "AttributeError"),
    ("defaults", "its options take their own defaults", "share"),
    ("no_model", "its options take their own defaults", "is no brahma.core.config.Section"),
]


@pytest.mark.parametrize(("name", "check", "message"), CASES)
def test_a_broken_promise_fails_its_check_alone(name: str, check: str, message: str) -> None:
    found = failed("command", name)
    assert list(found) == [check]
    assert message in found[check]


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ("import trial_heavy", "imports torch; import where it is used"),
        ("import time; end = time.process_time() + 0.6\nwhile time.process_time() < end: pass", "s of work"),
    ],
)
def test_a_plugin_that_every_command_waits_for_is_told(site: Path, work: str, message: str) -> None:
    hooks = """
from brahma.core.entries import CommandEntry
from brahma.core.hookspecs import hookimpl

@hookimpl
def brahma_commands():
    yield CommandEntry(name="waited", target="trial_commands:good", summary="Of a test")
"""
    files = {"brahma_waited.py": "HOOKS = 1\n"}
    install_distribution(site, "brahma-waited", files=files, entry_points={"waited": "brahma_waited"})
    (site / "brahma_waited.py").write_text(hooks)
    get_plugins.cache_clear()
    get_plugins()
    (site / "brahma_waited.py").write_text(f"{work}\n{hooks}")  # seen by the child alone
    found = failed("command", "waited")
    assert list(found) == ["is imported fast, without torch"]
    assert message in found["is imported fast, without torch"]


def test_each_check_is_failed_by_an_entry_here() -> None:
    caught = {check for _, check, _ in CASES} | {"is imported fast, without torch"}
    assert caught == {each.name for each in (*COMMON, *checks_of("command"))}


def test_what_rests_on_a_target_that_does_not_load_is_skipped() -> None:
    found = outcomes("command", "gone")
    assert found["explains itself"] == ("skipped", "its target does not load")


def test_a_plugins_own_test_says_what_failed_and_why() -> None:
    assert_passes("command", "good")
    with pytest.raises(AssertionError, match=r"command 'silent': explains itself: it has no docstring"):
        assert_passes("command", "silent")


def test_what_a_child_raises_or_prints_reaches_its_parent(capfd: pytest.CaptureFixture[str]) -> None:
    assert in_child("math:sqrt", 9.0) == 3.0
    with pytest.raises(ValueError, match="math domain error"):
        in_child("math:sqrt", -1.0)
    assert in_child("builtins:print", "no data") is None
    assert capfd.readouterr().err == "no data\n"
    with pytest.raises(RuntimeError, match="ended with status 7"):
        in_child("os:_exit", 7)


OURS = sorted(each.entry.name for each in get_plugins().of_kind("command"))


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_the_commands_of_our_own_pass(name: str) -> None:
    assert failed("command", name) == {}


def test_a_check_is_a_name_and_a_function() -> None:
    assert all(isinstance(check, Check) and callable(check.run) for check in COMMON)
