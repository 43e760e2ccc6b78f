"""`brahma plugins show`, `new` and `test`: what they print, and with which status they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from brahma.core.commands.plugins_new import new_plugin
from brahma.core.commands.plugins_show import show_plugin
from brahma.core.commands.plugins_test import test_plugin as check_plugin
from brahma.core.errors import BrahmaError, ConfigError, PluginError
from brahma.core.kit.scaffold import names_of, plugin_files
from brahma.core.plugins import KINDS, get_plugins
from tests.plugin_factory import install_distribution, plugin_site

PLUGIN = '''
from brahma.core.config.sections import Section
from brahma.core.entries import CommandEntry, MetricEntry
from brahma.core.hookspecs import hookimpl

class Options(Section):
    share: float = 0.5
    """How much of it."""

def good(totals):
    return totals.loss_sum / totals.tokens if totals.tokens else float("nan")

def bad(totals):
    return totals.loss_sum / totals.tokens

@hookimpl
def brahma_metrics():
    yield MetricEntry(name="good", target="shown_p:good", summary="A mean", options="shown_p:Options")
    yield MetricEntry(name="bad", target="shown_p:bad", summary="A mean, too")
    yield MetricEntry(name="gone", target="shown_p:gone", summary="Nothing")

@hookimpl
def brahma_commands():
    yield CommandEntry(name="good", target="shown_p:good", summary="No command")
'''


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    with plugin_site(folder, monkeypatch):
        install_distribution(
            folder, "shown", version="2.1", files={"shown_p.py": PLUGIN}, entry_points={"s": "shown_p"}
        )
        yield folder


def invoke(command: click.Command, *args: str) -> Result:
    """Run it as a program does: what a command returns is its status."""

    def run() -> int:
        status = command.main(list(args), standalone_mode=False)
        return status if isinstance(status, int) else 0

    runner = CliRunner()
    with runner.isolation() as (out, err, _):
        code = run()
        printed, said = out.getvalue(), err.getvalue()
    return Result(runner, printed, said, printed + said, None, code, None)


def test_an_entry_is_shown_with_its_options_its_place_and_a_fragment() -> None:
    text = invoke(show_plugin, "good", "--kind", "metric").stdout
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[:2] == ["metric good", "A mean"]
    assert "from shown 2.1, entry point s" in lines
    assert "target shown_p:good (loads)" in lines
    assert "share a number 0.5 How much of it." in lines


def test_a_quantizer_is_shown_with_what_it_can_do_on_each_device(site: Path) -> None:
    source = """
        from brahma.core.entries import QuantizedFormat, QuantizerEntry
        from brahma.core.hookspecs import hookimpl

        @hookimpl
        def brahma_quantizers():
            formats = (
                QuantizedFormat(type="int4", bits=4, group_sizes=(32, 64)),
                QuantizedFormat(type="int8", bits=8, devices=("cuda",)),
            )
            yield QuantizerEntry(name="few", target="few_p:make", summary="Few bits", formats=formats)
    """
    install_distribution(site, "few", files={"few_p.py": source}, entry_points={"f": "few_p"})
    get_plugins.cache_clear()
    lines = [" ".join(line.split()) for line in invoke(show_plugin, "few").stdout.splitlines()]
    assert "on cpu 4 bits int4, groups of 32, 64" in lines
    assert "on cuda 4 bits int4, groups of 32, 64; 8 bits int8, whole rows" in lines
    assert lines[-1] == "It takes no options of its own, beside the keys of quantization."


def test_all_kinds_of_a_name_are_shown() -> None:
    text = invoke(show_plugin, "good").stdout
    assert "metric good" in text
    assert "command good" in text


def test_a_target_that_does_not_load_is_said_to_be_so() -> None:
    assert "cannot be loaded: shown_p:gone: AttributeError" in invoke(show_plugin, "gone").stdout


def test_a_name_that_two_bring_is_shown_twice_and_said_to_be_refused(site: Path) -> None:
    second = {"twin_p.py": PLUGIN.replace("shown_p", "twin_p")}
    install_distribution(site, "twin", files=second, entry_points={"t": "twin_p"})
    get_plugins.cache_clear()
    text = invoke(show_plugin, "bad").stdout
    assert text.count("brought by shown 2.1 and twin 1.0; uninstall one of them") == 2
    with pytest.raises(PluginError, match="brought by two plugins"):
        invoke(check_plugin, "bad")


def test_json_says_all_that_is_shown() -> None:
    (found,) = json.loads(invoke(show_plugin, "adamw", "--json").stdout)
    assert found["chosen_by"] == "training_config.optimizer"
    assert found["write"] == '{"training_config": {"optimizer": {"name": "adamw", "fused": true}}}'
    assert found["problem"] is None
    assert [each["name"] for each in found["options"]] == ["fused"]


def test_a_name_like_no_other_is_answered_with_the_list_and_not_with_all_names() -> None:
    with pytest.raises(PluginError, match="nothing is called 'zzzzzzzz'") as raised:
        invoke(show_plugin, "zzzzzzzz")
    assert str(raised.value.hint).startswith("`brahma plugins list` shows all")


@pytest.mark.parametrize("command", [show_plugin, check_plugin])
def test_an_unknown_name_gets_the_nearest(command: click.Command) -> None:
    with pytest.raises(PluginError) as caught:
        invoke(command, "adam")
    assert caught.value.hint == 'did you mean "adamw"?'


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_that_is_installed_can_be_shown(kind: str) -> None:
    for each in get_plugins().of_kind(kind):
        assert each.entry.name in invoke(show_plugin, each.entry.name, "--kind", kind).stdout


def test_a_test_prints_a_line_for_each_check_and_ends_well() -> None:
    result = invoke(check_plugin, "good", "--kind", "metric", "--option", "share=0.25")
    assert result.exit_code == 0
    assert "metric good of shown 2.1" in result.stdout
    assert "passed   takes empty totals" in result.stdout
    assert result.stdout.splitlines()[-1].split() == ["8", "passed"]


def test_a_failed_check_is_told_and_ends_with_1() -> None:
    result = invoke(check_plugin, "bad")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (at,) = [number for number, line in enumerate(lines) if "failed" in line and "takes empty" in line]
    assert "raises ZeroDivisionError" in lines[at + 1]


def test_a_distribution_is_tested_with_all_that_it_brings() -> None:
    result = invoke(check_plugin, "shown", "--json")
    reports = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [(each["kind"], each["name"], each["failed"]) for each in reports] == [
        ("metric", "good", 0),
        ("metric", "bad", 1),
        ("metric", "gone", 1),
        ("command", "good", 1),
    ]


@pytest.mark.parametrize("name", ["broken", "faulty"])
def test_a_plugin_that_cannot_be_imported_is_explained_and_ends_with_1(site: Path, name: str) -> None:
    install_distribution(
        site, "broken", files={"broken_p.py": "import no_such"}, entry_points={"faulty": "broken_p"}
    )
    get_plugins.cache_clear()
    result = invoke(check_plugin, name)
    assert result.exit_code == 1
    assert "faulty (broken 1.0): ModuleNotFoundError: No module named 'no_such'" in result.stdout


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("good", "--kind", "metric", "--option", "share"), "'share' is no option"),
        (("good", "--kind", "metric", "--option", "shore=1"), "shore: unknown key"),
        (("good", "--kind", "metric", "--option", 'share="x"'), "share: expected a number"),
        (("shown", "--option", "share=1"), "'shown' brings 4 entries"),
        (("bad", "--sample", __file__), "a metric reads no sample"),
        (("text", "--sample", "absent.txt"), "there is no such file"),
    ],
)
def test_a_mistake_in_an_option_is_the_users(args: tuple[str, ...], error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        invoke(check_plugin, *args)
    assert error in caught.value.message


def test_a_reader_is_tested_with_the_file_that_is_given(tmp_path: Path) -> None:
    sample = tmp_path / "some.txt"
    sample.write_bytes(b"\xff\xfe\x00")
    result = invoke(check_plugin, "text", "--sample", str(sample))
    assert result.exit_code == 1
    assert "failed   yields rows" in result.stdout


def test_a_new_plugin_says_what_was_written_and_what_comes_next(tmp_path: Path) -> None:
    result = invoke(new_plugin, "my-metric", "--kind", "metric", "--output", str(tmp_path))
    folder = tmp_path / "brahma-my-metric"
    assert "  src/brahma_my_metric/__init__.py\n  tests/test_my_metric.py\n" in result.stdout
    assert result.stdout.splitlines()[-3:] == [
        f'  pip install -e "{folder}[test]"',
        "  brahma plugins test my-metric --kind metric",
        f"  pytest {folder}",
    ]
    with pytest.raises(PluginError, match="the folder exists already"):
        invoke(new_plugin, "brahma-my-metric", "--kind", "metric", "--output", str(tmp_path))


def test_a_name_that_is_taken_is_warned_of(tmp_path: Path) -> None:
    result = invoke(new_plugin, "perplexity", "--kind", "metric", "--output", str(tmp_path))
    assert "warning: brahma-eval 0.1.0 brings the metric 'perplexity' too" in result.stderr
    assert (tmp_path / "brahma-perplexity" / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("", "metric", "'' is no name for a plugin"),
        ("7up", "metric", "is no name"),
        ("my thing", "metric", "is no name"),
        ("../out", "metric", "is no name"),
        ("a" * 65, "metric", "is no name"),
        ("naïve", "metric", "is no name"),
        ("class", "metric", "a word of Python's"),
        ("brahma-train", "metric", "a package of Brahma's own"),
        ("hqq", "metric", "a package of Brahma's own"),
        ("thread-pool-executor", "executor", "would hide ThreadPoolExecutor"),
        ("click", "command", "would hide click"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(name: str, kind: str, error: str) -> None:
    with pytest.raises(BrahmaError) as caught:
        plugin_files(name, kind)
    assert error in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "distribution", "entry", "module"),
    [
        ("signum", "brahma-signum", "signum", "brahma_signum"),
        ("brahma-signum", "brahma-signum", "signum", "brahma_signum"),
        ("My_Thing.2", "brahma-my-thing-2", "My_Thing.2", "brahma_my_thing_2"),
    ],
)
def test_a_name_is_written_as_each_place_wants_it(
    name: str, distribution: str, entry: str, module: str
) -> None:
    names = names_of(name)
    assert (names.distribution, names.entry, names.module) == (distribution, entry, module)


@pytest.mark.parametrize("kind", KINDS)
def test_no_trace_of_the_documented_name_is_left_in_the_code(kind: str) -> None:
    from brahma.core.kit.documented import documented

    old = documented(kind)
    files = plugin_files("zebra-crossing", kind)
    for path, text in files.items():
        assert old.distribution not in text
        assert old.module.partition(".")[0] not in text + path
        assert "$" not in text
        if path.endswith(".py"):
            compile(text, path, "exec")
