"""The reference is complete: every key, command, option, error and public name stands in it."""

from __future__ import annotations

import re
import runpy
from typing import Any

import click
import pytest

import brahma
from brahma.core.config import Config
from brahma.core.config.schema import keys_of, sections
from brahma.core.entries import resolve
from brahma.core.plugins import DISTRIBUTIONS, get_plugins
from brahma.train.options import TrainerOptions
from tests.docs.pages import ROOT

GENERATOR: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "generate_reference.py"))
REFERENCE = ROOT / "docs" / "reference"
OPTIONS = [
    ((each.entry.name,), key, info)
    for each in get_plugins().registrations
    if each.entry.options and each.distribution in DISTRIBUTIONS
    for key, info in resolve(each.entry.options).model_fields.items()
]
KEYS = [
    (path, key, info)
    for path, section in sections(Config)
    for key, info in zip(keys_of(section), section.model_fields.values(), strict=True)
]
COMMANDS = [
    each.entry
    for each in get_plugins().registrations
    if each.entry.kind == "command" and each.distribution in DISTRIBUTIONS
]

PRIVATE_ERRORS = {
    "CheckFailedError",
    "CheckSkippedError",
    "DuplicateKeyError",
    "FormatError",
    "NotConvertibleError",
    "TrialFailedError",
    "WouldLoseError",
}
"""Exceptions that never reach a user."""


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section_of(text: str, heading: str) -> str:
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return found[1] if found else ""


def test_the_reference_of_the_hooks_is_what_the_code_says() -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "reference_hooks.py"))
    assert page("hooks.md") == hooks["render"](), "run: python docs/generate_reference.py"


def test_the_reference_of_the_cleaning_steps_is_what_the_code_says() -> None:
    cleaning = runpy.run_path(str(ROOT / "docs" / "reference_cleaning.py"))
    assert page("cleaning-steps.md") == cleaning["render"](GENERATOR["_table"]), (
        "run: python docs/generate_reference.py"
    )


def test_the_reference_of_the_configuration_is_what_the_code_says() -> None:
    assert page("configuration.md") == GENERATOR["render"](), "run: python docs/generate_reference.py"


@pytest.mark.parametrize(
    ("path", "key", "info"),
    [*KEYS, *OPTIONS],
    ids=[".".join(map(str, (*path, key))) for path, key, _ in (*KEYS, *OPTIONS)],
)
def test_every_key_says_what_it_does(path: tuple[str, ...], key: str, info: Any) -> None:
    sentence = " ".join((info.description or "").split())
    assert sentence.endswith(".")
    assert len(sentence) > 4


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_a_section_with_an_example(entry: Any) -> None:
    assert f"brahma {entry.name}" in section_of(page("commands.md"), entry.name)


def test_no_section_describes_a_command_that_is_gone() -> None:
    assert sorted(re.findall(r"^## (.*)$", page("commands.md"), re.M)) == sorted(e.name for e in COMMANDS)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_option_of_a_command_says_what_it_does(entry: Any) -> None:
    command: click.Command = entry.load()
    options = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    assert [each.name for each in options if not each.help] == []


def test_the_tables_of_options_are_what_the_commands_take() -> None:
    generator = runpy.run_path(str(ROOT / "docs" / "reference_commands.py"))
    assert generator["render"](page("commands.md")) == page("commands.md"), (
        "run: python docs/generate_reference.py"
    )


def errors() -> list[str]:
    """Every exception class of the packages, in the source: importing them all would import torch."""
    found = re.compile(r"^class (\w+Error)\(", re.M)
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "packages").rglob("src/**/*.py"))
    return sorted({name for text in sources for name in found.findall(text)} - PRIVATE_ERRORS)


@pytest.mark.parametrize("name", errors())
def test_every_error_has_an_anchor_that_says_what_to_do(name: str) -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert re.search(rf'^<a id="{name.lower()}"></a>\n##+ {name}\n', text, re.M)


def test_every_public_name_has_its_place_in_the_sdk() -> None:
    names = [name for name in brahma.__all__ if not name.startswith("_")]
    assert [name for name in names if f"\n## {name}\n" not in page("sdk.md")] == []


def test_every_keyword_of_the_trainer_is_a_documented_key() -> None:
    text = page("configuration.md")
    assert [key for key in TrainerOptions.__annotations__ if f"| `{key}` |" not in text] == []
