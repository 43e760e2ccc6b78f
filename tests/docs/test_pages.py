"""The documentation is true: links lead somewhere, commands and configurations are valid, code runs."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Collection, Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from brahma import Dataset
from brahma.cli.main import command_line
from brahma.core.config import resolve_config
from tests.docs.pages import LANGUAGES, ROOT, RUN, Block, blocks, blocks_of, pages, shows

PAGES = [str(page.relative_to(ROOT)) for page in pages()]
OTHER_PROGRAMS = {"cat", "cd", "cmp", "cp", "echo", "git", "head", "ls", "mkdir", "printf", "sha256sum"}
OTHER_PROGRAMS |= {"source", "tail", "tensorboard", "timeout", "true"}
"""Programs that the pages use and that are not ours."""
SECTIONS = {"model_config", "data_config", "training_config"}
"""Keys that tell a configuration of ours from one of another program, in YAML and TOML."""
FEW = 18
"""Blocks that are not run or not compared, at most."""


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


@pytest.mark.parametrize("block", blocks("json", "yaml", "toml"), ids=identifier)
def test_a_file_in_a_page_is_whole_and_a_configuration_is_valid(block: Block) -> None:
    parse_file: dict[str, Callable[[str], dict[str, Any]]] = {
        "json": json.loads,
        "yaml": yaml.safe_load,
        "toml": tomllib.loads,
    }
    values = parse_file[block.language](block.text)
    assert values
    if block.language == "json" or not SECTIONS.isdisjoint(values):
        resolve_config(values, where=str(block))


@pytest.mark.parametrize("block", blocks("jsonl"), ids=identifier)
def test_rows_in_a_page_are_rows(block: Block) -> None:
    rows = [json.loads(line) for line in block.text.splitlines()]
    assert len(Dataset.from_rows(rows)) == len(rows)


def test_every_block_says_what_it_is() -> None:
    unknown = [f"{block}: {block.language!r}" for block in blocks() if block.language not in LANGUAGES]
    fences = [
        f"{name}: {len(fences)} fences, {len(blocks_of(ROOT / name))} blocks"
        for name in PAGES
        if len(fences := re.findall(r"^ *```", (ROOT / name).read_text(encoding="utf-8"), re.M))
        != 2 * len(blocks_of(ROOT / name))
    ]
    assert unknown + fences == []


def test_what_is_not_run_or_not_compared_says_why_and_is_rare() -> None:
    remarked = [block for block in blocks() if block.remark in ("not run", "not compared")]
    assert [str(block) for block in remarked if len(block.reason.split()) < 3] == []
    assert len(remarked) <= FEW, "run it, or show a reason and raise FEW"


@pytest.mark.parametrize("block", blocks("bash"), ids=identifier)
def test_a_command_in_a_page_exists_with_its_options(block: Block) -> None:
    if not block.remark.startswith("exits"):
        written = re.findall(r">\s*(\S+)", "".join(each.text for each in blocks_of(block.page, "bash")))
        for words in commands_of(block.text):
            check_command(words, written)


def commands_of(script: str) -> Iterator[list[str]]:
    """The commands of a script: without documents, comments, redirections, loops and variables."""
    script = re.sub(r"<<\s*'?(\w+)'?(.*?)\n.*?^\1$", r"\2", script, flags=re.M | re.S)
    script = re.sub(r"\s#.*$|^#.*$", "", script.replace("\\\n", " "), flags=re.M)
    for part in re.split(r"\n|&&|\||;", script):
        words = shlex.split(re.sub(r"(?:\d?>>?|<)\s*(?:&\d|\S+)", "", part))
        words = [word for word in words if word != "do" and not word.startswith("$")]
        if words and words[0] not in ("for", "done"):
            yield words


def check_command(words: list[str], written: Collection[str]) -> None:
    """`written` are the files that the page makes itself."""
    match words:
        case ["brahma", *arguments]:
            parse(command_line(), arguments)
        case ["python", "-m", "brahma.train", *arguments]:
            assert find_spec("brahma.train.__main__")
            parse(command_line(), ["train", *arguments])
        case ["python", "-m", "brahma.tools.hyperopt", *arguments]:
            assert find_spec("brahma.tools.hyperopt")
            parse(command_line(), ["search", *arguments])
        case ["python", "-m", module, *arguments] if module.startswith("brahma.tools.data_"):
            name = {"cleaner": "clean", "converter": "convert", "augment": "augment"}[module.split("_")[1]]
            assert find_spec(module)
            parse(command_line(), ["data", name, *arguments])
        case ["python", script, *_]:
            assert script in written or (ROOT / script).is_file()
        case ["make", target, *_]:
            assert re.search(rf"^{target}:.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        case [program, *_]:
            assert program in OTHER_PROGRAMS or "=" in program


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse a command line as click does before it calls anything; files of examples must exist."""
    for word in arguments:
        if word.startswith("examples/") and not word.startswith("examples/output"):
            assert list(ROOT.glob(word))
    while isinstance(command, click.Group):
        name, *arguments = arguments
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"no command is called {name}"
        command = found
    command.make_context(command.name, arguments)


RUN_PAGES = [
    pytest.param(name, marks=[pytest.mark.slow] if any(block.language == "bash" for block in run) else [])
    for name in PAGES
    if (run := [block for block in blocks_of(ROOT / name, *RUN) if block.is_run])
]


@pytest.mark.parametrize("name", RUN_PAGES)
def test_a_page_does_what_it_says_from_its_first_block_to_its_last(name: str, own_clone: Path) -> None:
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks_of(ROOT / name, *RUN):
        if block.is_run:
            printed = run_python(block, names) if block.language == "python" else run_bash(block, own_clone)
            check_output(block, printed)


def run_python(block: Block, names: dict[str, object]) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile("\n" * (block.line - 1) + block.text, str(block.page), "exec"), names)
    return printed.getvalue()


def run_bash(block: Block, folder: Path) -> str:
    """What a block prints, standard error included; its exit status is as the page says."""
    environment = os.environ | {
        "PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    expected = int(block.remark.removeprefix("exits ")) if block.remark.startswith("exits") else 0
    assert done.returncode == expected, f"{block} exits with {done.returncode}:\n{done.stdout}"
    return done.stdout


def check_output(block: Block, printed: str) -> None:
    if block.output and block.output.remark != "not compared":
        assert shows(block.output, printed), f"{block} prints:\n{printed}"
