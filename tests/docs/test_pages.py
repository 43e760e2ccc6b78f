"""The documentation is true: links lead somewhere, commands and configurations are valid, code runs."""

from __future__ import annotations

import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from brahma.cli.main import command_line
from brahma.core.config import resolve_config
from tests.docs.pages import ROOT, Block, blocks, blocks_of, pages

PAGES = [str(page.relative_to(ROOT)) for page in pages()]
OTHER_PROGRAMS = {"git", "cd", "source", "sha256sum"}
"""Programs that the pages use and that are not ours."""


def identifier(block: object) -> str:
    return str(block)


def anchors_of(page: Path) -> set[str]:
    """Anchors that are written out, and those that a heading makes."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_lead_to_a_page_and_an_anchor_that_exist(name: str) -> None:
    page = ROOT / name
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_a_path_of_a_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.<])/(?:home|work|root|tmp|Users|mnt)/[\w.-]+", text) == []


@pytest.mark.parametrize("block", blocks("json"), ids=identifier)
def test_a_configuration_in_a_page_is_valid(block: Block) -> None:
    resolve_config(json.loads(block.text), where=str(block))


@pytest.mark.parametrize("block", blocks("bash"), ids=identifier)
def test_a_command_in_a_page_exists_with_its_options(block: Block) -> None:
    for line in block.text.splitlines():
        for part in line.split("&&"):
            check_command(shlex.split(part))


def check_command(words: list[str]) -> None:
    match words:
        case ["brahma", *arguments]:
            parse(command_line(), arguments)
        case ["python", "-m", "brahma.train", *arguments]:
            assert find_spec("brahma.train.__main__")
            parse(command_line(), ["train", *arguments])
        case ["python", script, *_]:
            assert (ROOT / script).is_file()
        case ["make", target, *_]:
            assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        case [program, *_]:
            assert program in OTHER_PROGRAMS


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse a command line as click does before it calls anything; files of examples must exist."""
    for word in arguments:
        if word.startswith("examples/") and not word.startswith("examples/output"):
            assert (ROOT / word).exists()
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"no command is called {name}"
        command = found
    command.make_context(command.name, arguments)


PYTHON_PAGES = [name for name in PAGES if blocks_of(ROOT / name, "python")]


@pytest.mark.parametrize("name", PYTHON_PAGES)
def test_the_python_of_a_page_runs_from_its_first_block_to_its_last(name: str, clone: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks_of(ROOT / name, "python"):
        exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), names)
