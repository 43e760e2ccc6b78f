"""Plugins: loaded one by one, checked, named when broken, refused when doubled."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner

from brahma.core import hookspecs
from brahma.core.commands.plugins import list_plugins
from brahma.core.config.sections import Choice, Section
from brahma.core.doctor.installation import plugin_facts
from brahma.core.entries import Entry, OptimizerEntry, resolve
from brahma.core.errors import EXIT_TERMINATED, ConfigError, PluginError
from brahma.core.plugins import (
    FIRST_PARTY,
    KINDS,
    PLUGINS_VARIABLE,
    Plugins,
    SlowPlugin,
    get_plugins,
    hook_name,
)
from tests.plugin_factory import install_distribution, install_documented, plugin_site

Install = Callable[..., Plugins]

GOOD = """
    from brahma.core.entries import OptimizerEntry
    from brahma.core.hookspecs import hookimpl

    @hookimpl
    def brahma_optimizers():
        yield OptimizerEntry(name="{name}", target="math:sqrt", summary="A root")
"""


class SignumOptions(Section):
    """Options as a plugin would declare them."""

    momentum: float = 0.9
    nesterov: bool = False


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one module `<name>_plugin` and read the plugins anew."""

    def install_one(name: str, source: str, version: str = "1.0") -> Plugins:
        module = f"{name}_plugin".replace("-", "_")
        files = {f"{module}.py": source}
        install_distribution(tmp_path, name, version=version, files=files, entry_points={name: module})
        return Plugins()

    with plugin_site(tmp_path, monkeypatch):
        yield install_one


def broken(plugins: Plugins, name: str) -> str:
    """The error of the one broken plugin of that name."""
    (found,) = [each for each in plugins.broken if each.name == name]
    return str(found)


def test_an_installed_plugin_brings_its_entries(install: Install) -> None:
    plugins = install("good", GOOD.format(name="rooted"))
    entry = plugins.find("optimizer", "rooted")
    assert entry == OptimizerEntry(name="rooted", target="math:sqrt", summary="A root")
    assert entry.load()(9.0) == 3.0
    assert plugins.distributions()["good"] == "1.0"
    assert plugins.entries("optimizer")["rooted"] is entry


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("this is no Python", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("BRAHMA_CONTRACT = 2", "written for version 2 of the plugin contract, this is version 1"),
        (
            """
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimizers():
                raise ZeroDivisionError("of its own")
            """,
            "ZeroDivisionError: of its own",
        ),
        (
            """
            from brahma.core.entries import MetricEntry
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimizers():
                return [MetricEntry(name="x", target="math:sqrt")]
            """,
            "brahma_optimizers brought MetricEntry, not OptimizerEntry",
        ),
        (
            """
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimizers():
                return {"x": "math:sqrt"}
            """,
            "brahma_optimizers returned dict, not an iterable of OptimizerEntry",
        ),
        (
            """
            from brahma.core.entries import OptimizerEntry
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimizers():
                return [OptimizerEntry(name="x", target="math.sqrt")]
            """,
            "name or target ('package.module:attribute') is missing",
        ),
        (
            """
            from brahma.core.entries import CommandEntry
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_commands():
                return [CommandEntry(name="one two three", target="math:sqrt")]
            """,
            "a command's name has one or two words",
        ),
        (
            """
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimisers():
                return []
            """,
            "unknown hook 'brahma_optimisers'",
        ),
        (
            """
            from brahma.core.hookspecs import hookimpl

            @hookimpl
            def brahma_optimizers(registry):
                return []
            """,
            "Argument(s) {'registry'} are declared in the hookimpl",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_version_and_passed_over(
    install: Install, source: str, error: str
) -> None:
    install("good", GOOD.format(name="rooted"))
    plugins = install("faulty", source, version="2.5")
    assert broken(plugins, "faulty").startswith("faulty (faulty 2.5): ")
    assert error in broken(plugins, "faulty")
    assert plugins.find("optimizer", "rooted").name == "rooted"


@pytest.mark.parametrize(
    ("hook", "entry", "error"),
    [
        ("trackers", "TrackerEntry(name=5, target='a:b')", "its name is 5"),
        ("trackers", "TrackerEntry(name='x', target=5)", "its target is 5"),
        ("trackers", "TrackerEntry(name='x', target=':')", "is missing"),
        ("trackers", "TrackerEntry(name='x', target='a:b', summary=None)", "its summary is None"),
        ("trackers", "TrackerEntry(name='x', target='a:b', summary='one\\ntwo')", "not one line"),
        ("trackers", "TrackerEntry(name='x', target='a:b', options='Model')", "its options are 'Model'"),
        ("trackers", "TrackerEntry(name='a/../b', target='a:b')", "a name is a word"),
        ("trackers", "TrackerEntry(name='\\x1b[31mred', target='a:b')", "a name is a word"),
        ("commands", "CommandEntry(name='a  b', target='a:b')", "a command's name has one or two words"),
        ("optimizers", "OptimizerEntry(name='x', target='a:b', state_bytes='8')", "its state_bytes is '8'"),
        ("quantizers", "QuantizerEntry(name='x', target='a:b', formats=None)", "its formats is None"),
        (
            "quantizers",
            "QuantizerEntry(name='x', target='a:b', formats=(QuantizedFormat(type='x', bits='4'),))",
            "its formats is (QuantizedFormat",
        ),
        ("filters", "FilterEntry(name='x', target='a:b', scope='all')", "its scope is 'all'"),
        ("trackers", "*[TrackerEntry(name='x', target='a:b')] * 2", "'x' twice"),
    ],
)
def test_an_entry_with_wrong_values_breaks_its_plugin_and_nothing_else(
    install: Install, hook: str, entry: str, error: str
) -> None:
    source = "from brahma.core.entries import *\nfrom brahma.core.hookspecs import hookimpl\n"
    source += f"@hookimpl\ndef brahma_{hook}():\n    return [{entry}]\n"
    plugins = install("faulty", source)
    assert error in broken(plugins, "faulty")
    assert broken(plugins, "faulty").isprintable()
    assert all(each.distribution != "faulty" for each in plugins.registrations)


@pytest.mark.parametrize("raised", ["GeneratorExit('x')", "type('Own', (BaseException,), {})('x')"])
def test_whatever_a_plugin_raises_is_its_own_fault(install: Install, raised: str) -> None:
    assert ": x" in broken(install("faulty", f"raise {raised}"), "faulty")


def test_a_stop_by_the_user_is_no_fault_of_a_plugin(install: Install) -> None:
    with pytest.raises(KeyboardInterrupt):
        install("faulty", "raise KeyboardInterrupt")


def test_what_a_plugin_prints_is_no_data(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("loud", "print('here I am')\n")
    assert capsys.readouterr() == ("", "here I am\n")


def test_the_error_of_a_plugin_is_one_line_that_steers_no_terminal(install: Install) -> None:
    plugins = install("faulty", "raise RuntimeError('one\\ntwo \\x1b[31m')\n")
    assert (
        broken(plugins, "faulty")
        == "faulty (faulty 1.0): RuntimeError: one two \N{REPLACEMENT CHARACTER}[31m"
    )


@pytest.mark.parametrize("source", ["1 / 0", "def (", "raise SystemExit(3)"])
def test_a_target_that_fails_at_import_names_its_distribution(
    install: Install, tmp_path: Path, source: str
) -> None:
    (tmp_path / "the_target.py").write_text(source)
    plugins = install("rooted", GOOD.format(name="rooted").replace("math:sqrt", "the_target:sqrt"))
    with pytest.raises(PluginError, match=r"of rooted 1\.0 cannot be loaded\n  cause: the_target:sqrt: "):
        plugins.load("optimizer", "rooted")


def test_sigterm_while_a_target_is_imported_is_no_fault_of_its_distribution(
    install: Install, tmp_path: Path
) -> None:
    (tmp_path / "stopped_target.py").write_text(f"raise SystemExit({EXIT_TERMINATED})")
    plugins = install("rooted", GOOD.format(name="rooted").replace("math:sqrt", "stopped_target:sqrt"))
    with pytest.raises(SystemExit) as caught:
        plugins.load("optimizer", "rooted")
    assert caught.value.code == EXIT_TERMINATED


def test_a_plugin_that_fails_in_one_hook_brings_nothing(install: Install) -> None:
    plugins = install(
        "half",
        GOOD.format(name="rooted")
        + """
    @hookimpl
    def brahma_tasks():
        raise ValueError("no task")
""",
    )
    assert "no task" in broken(plugins, "half")
    assert "rooted" not in plugins.entries("optimizer")


def test_two_entries_of_one_name_are_refused_when_used_or_listed_and_not_before(install: Install) -> None:
    install("first", GOOD.format(name="rooted"), version="1.1")
    install("second", GOOD.format(name="rooted"), version="2.2")
    plugins = install("third", GOOD.format(name="other"))
    assert not [each for each in plugins.broken if each.name in ("first", "second")]
    assert plugins.find("optimizer", "other").name == "other"
    with pytest.raises(PluginError, match="'rooted' is brought by two plugins") as used:
        plugins.find("optimizer", "rooted", where="my.json:3")
    assert "first 1.1 and second 2.2" in str(used.value)
    assert str(used.value).startswith("my.json:3: ")
    with pytest.raises(PluginError, match="brought by two plugins"):
        plugins.entries("optimizer")
    assert plugins.entries("task") is not None


@pytest.mark.parametrize("where", ["import", "hook"])
def test_a_plugin_that_is_slow_is_named_with_its_seconds(install: Install, where: str) -> None:
    install("quick", GOOD.format(name="quick"))
    waits = GOOD.format(name="waits")
    if where == "import":
        waits = "import time; time.sleep(0.6)\n" + dedent(waits)
    else:
        waits = waits.replace("yield", "__import__('time').sleep(0.6)\n        yield")
    plugins = install("waits", waits, version="2.5")
    (slow,) = [each for each in plugins.slow if each.distribution == "waits"]
    assert str(slow).startswith("waits (waits 2.5): takes 0.")
    assert slow.seconds >= 0.6
    assert plugins.find("optimizer", "waits").name == "waits"
    (fact,) = [each for each in plugin_facts(plugins) if each.value == "slow" and "waits" in each.name]
    assert fact.name == "waits 2.5"


def test_the_list_names_slow_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowPlugin("waits", "waits-plugin", "2.5", 0.75)
    monkeypatch.setattr(get_plugins(), "slow", [slow])
    shown = CliRunner().invoke(list_plugins, ["--kind", "backend"])
    assert "slow plugin: waits (waits-plugin 2.5): takes 0.8 s to load" in shown.stderr


def test_the_variable_chooses_which_plugins_load(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("first", GOOD.format(name="one"))
    everything = install("second", GOOD.format(name="two"))
    assert {"one", "two"} <= set(everything.entries("optimizer"))
    monkeypatch.setenv(PLUGINS_VARIABLE, " second ,")
    assert {"one", "two"} & set(Plugins().entries("optimizer")) == {"two"}
    monkeypatch.setenv(PLUGINS_VARIABLE, "")
    nothing = Plugins()
    assert not {"one", "two"} & set(nothing.entries("optimizer"))
    assert "doctor" in nothing.entries("command")


def test_a_chosen_plugin_that_is_not_installed_is_named(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "absent")
    assert broken(Plugins(), "absent") == f"absent: named in {PLUGINS_VARIABLE} but not installed"
    monkeypatch.setenv(PLUGINS_VARIABLE, "\x1b[31m")
    assert "\x1b" not in str(Plugins().passed_over())


def test_a_misspelt_name_gets_the_nearest_one_and_the_plugins_that_were_passed_over(install: Install) -> None:
    install("faulty", "import no_such_library")
    plugins = install("good", GOOD.format(name="rooted"))
    with pytest.raises(PluginError) as error:
        plugins.find("optimizer", "rooteed", where="training_config.optimizer")
    assert str(error.value).startswith("training_config.optimizer: no optimizer is called 'rooteed'")
    assert "faulty (faulty 1.0)" in str(error.value)
    assert error.value.hint == 'did you mean "rooted"?'


def test_a_name_that_nothing_resembles_gets_the_list(install: Install) -> None:
    plugins = install("good", GOOD.format(name="rooted"))
    with pytest.raises(PluginError) as error:
        plugins.find("optimizer", "xyz")
    assert error.value.hint is not None
    assert "rooted" in error.value.hint


def test_what_a_plugin_of_ours_brings_is_known_by_name_when_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "")
    with pytest.raises(PluginError, match="the executor 'ray' is not installed") as caught:
        Plugins().find("executor", "ray")
    assert caught.value.hint == 'pip install "brahma-datatrove[ray]"'


def test_what_our_plugins_are_said_to_bring_they_bring() -> None:
    for kind, name in FIRST_PARTY:
        if kind == "executor":
            assert get_plugins().find(kind, name).name == name


def test_a_kind_that_does_not_exist_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="no kind of entry is called 'optimiser'"):
        get_plugins().find("optimiser", "adamw")


def test_a_target_that_cannot_be_imported_names_its_distribution(install: Install) -> None:
    plugins = install("good", GOOD.format(name="rooted").replace("math:sqrt", "math:no_such_root"))
    with pytest.raises(PluginError, match=r"optimizer 'rooted' of good 1\.0 cannot be loaded") as error:
        plugins.load("optimizer", "rooted")
    assert "no_such_root" in str(error.value)


def entry_with_options(model: str | None = f"{__name__}:SignumOptions") -> Entry:
    return OptimizerEntry(name="signum", target="math:sqrt", options=model)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """Plugins, with this module importable by the name that `entry_with_options` gives."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or inspect.getmodule(SignumOptions))
    return Plugins()


def test_options_are_checked_by_the_entrys_own_model(plugins: Plugins) -> None:
    choice = Choice.model_validate({"name": "signum", "momentum": 0.5})
    options = plugins.options(entry_with_options(), choice, "training_config.optimizer")
    assert isinstance(options, SignumOptions)
    assert options.momentum == 0.5


def test_an_unknown_option_is_named_with_the_nearest_one(plugins: Plugins) -> None:
    choice = Choice.model_validate({"name": "signum", "momentun": 0.5})
    with pytest.raises(ConfigError) as error:
        plugins.options(entry_with_options(), choice, "training_config.optimizer")
    assert str(error.value) == (
        'training_config.optimizer: momentun: unknown key\n\nhint: did you mean "momentum"?'
    )


def test_all_wrong_options_are_reported_together(plugins: Plugins) -> None:
    choice = Choice.model_validate({"name": "signum", "momentum": "0.5", "nesterov": 3})
    with pytest.raises(ConfigError, match="2 options are wrong") as error:
        plugins.options(entry_with_options(), choice, "training_config.optimizer")
    assert [problem.message.partition(":")[0] for problem in error.value.problems] == ["momentum", "nesterov"]
    assert 'momentum: expected a number, got the string "0.5"' in str(error.value)


def test_options_for_an_entry_that_takes_none_are_refused(plugins: Plugins) -> None:
    choice = Choice.model_validate({"name": "signum", "momentum": 0.5})
    with pytest.raises(ConfigError, match="takes no options") as error:
        plugins.options(entry_with_options(None), choice, "training_config.optimizer")
    assert "momentum" in str(error.value)
    assert plugins.options(entry_with_options(None), Choice(name="signum")) is None


@pytest.mark.parametrize("model", ["math:sqrt", "no_such_module:Options"])
def test_an_options_model_that_is_none_is_the_plugins_fault(plugins: Plugins, model: str) -> None:
    with pytest.raises(PluginError, match="cannot be checked"):
        plugins.options(entry_with_options(model), Choice(name="signum"))


def test_there_is_a_documented_hook_for_every_kind() -> None:
    names = {hook_name(kind) for kind in KINDS}
    assert names == {name for name in vars(hookspecs) if name.startswith("brahma_")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_of_each_hook_is_a_working_plugin(install: Install, tmp_path: Path, kind: str) -> None:
    name = install_documented(tmp_path, kind)
    brought = [each.entry for each in Plugins().of_kind(kind) if each.distribution == name]
    assert len(brought) == 1, Plugins().broken
    assert callable(brought[0].load())
    if brought[0].options:
        assert issubclass(resolve(brought[0].options), Section)


def test_plugins_are_read_once_a_process() -> None:
    assert get_plugins() is get_plugins()
