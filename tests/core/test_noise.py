"""What libraries say is kept from the terminal of a command; a user or a plugin is heard, once."""

import logging
import os
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest

from brahma.core import noise
from brahma.core.noise import catching, is_library
from tests.plugin_factory import install_distribution, plugin_site

SITE = Path(sysconfig.get_paths()["purelib"])
_COMMAND = """
import sys, click
sys.path.insert(0, {folder!r})
from brahma.core.console import run_command

@click.command()
def noisy():
    from transformers.utils import logging
    logging.get_logger("transformers.modeling_utils").warning("from transformers")
    import warnings, torch
    logging.get_logger("huggingface_hub.file_download").warning("from the hub")
    warnings.warn_explicit("a deprecation in torch", UserWarning, torch.__file__, 1)
    import mine
    for _ in range(2):
        mine.speak()
    click.echo("the data")

sys.exit(run_command(noisy, program="noisy", args=[]))
"""
_MINE = """
import logging, warnings
def speak():
    warnings.warn("look at this")
    logging.getLogger("mine").error("and at that")
"""


def run_noisy(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(_MINE)
    asked = {name: value for name, value in os.environ.items() if name not in noise.QUIET}  # by other tests
    return subprocess.run(
        [sys.executable, "-c", _COMMAND.format(folder=str(folder))],
        capture_output=True, text=True, check=True, env=asked | environment,
    )  # fmt: skip


@pytest.mark.slow
def test_a_command_keeps_libraries_quiet_and_hears_the_users_own_code(tmp_path):
    done = run_noisy(tmp_path)
    assert done.stdout == "the data\n"
    heard = done.stderr.splitlines()
    assert heard == [
        f"warning: {tmp_path / 'mine.py'}:4: UserWarning: look at this",
        "warning: and at that",
    ]


@pytest.mark.slow
def test_debugging_shows_what_libraries_say(tmp_path):
    errors = run_noisy(tmp_path, BRAHMA_DEBUG="1").stderr
    for text in ("from transformers", "from the hub", "a deprecation in torch", "look at this"):
        assert text in errors


def test_a_file_of_an_installed_package_is_a_librarys():
    assert is_library(str(SITE / "transformers" / "modeling_utils.py"))
    assert is_library(subprocess.__file__)
    assert is_library("<frozen importlib._bootstrap>")


@pytest.mark.parametrize(
    "site", ["/home/me/.local/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages"]
)
def test_a_package_of_the_user_or_the_system_is_a_librarys_too(site):
    assert is_library(f"{site}/bitsandbytes/backends/cpu/ops.py")


def test_the_users_files_and_cells_are_not(tmp_path):
    assert not is_library(str(tmp_path / "train.py"))
    assert not is_library("<stdin>")
    assert not is_library("/tmp/ipykernel_1/123.py")


def test_an_installed_plugin_is_heard_as_the_users_own(tmp_path, monkeypatch):
    source = """
        from brahma.core.entries import MetricEntry
        from brahma.core.hookspecs import hookimpl
        @hookimpl
        def brahma_metrics():
            return [MetricEntry(name="steep", target="brahma_steep:metric", summary="x")]
    """
    with plugin_site(tmp_path, monkeypatch):
        install_distribution(
            tmp_path,
            "brahma-steep",
            files={"brahma_steep.py": source},
            entry_points={"steep": "brahma_steep"},
        )
        noise._plugin_packages.cache_clear()
        assert not is_library(str(SITE / "brahma_steep.py"))
        assert is_library(str(SITE / "brahma_other.py"))
    noise._plugin_packages.cache_clear()


def test_of_nested_blocks_the_inner_one_catches():
    outer: list[str] = []
    inner: list[str] = []
    with catching(outer.append):
        with catching(inner.append):
            logging.getLogger("brahma.train").warning("inside")
        logging.getLogger("brahma.train").warning("outside")
    assert (outer, inner) == (["outside"], ["inside"])


def test_errors_of_ours_are_left_to_the_end_of_the_program():
    heard: list[str] = []
    with catching(heard.append):
        logging.getLogger("brahma.train").error("the run stopped")
    assert heard == []


def test_a_terminal_that_went_away_stops_nothing():
    heard: list[str] = []

    def gone(text: str) -> None:
        heard.append(text)
        raise BrokenPipeError

    with catching(gone):
        warnings.warn_explicit("look", UserWarning, "mine.py", 1)
    assert heard == ["mine.py:1: UserWarning: look"]
