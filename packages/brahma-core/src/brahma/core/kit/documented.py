"""The plugins that the docstrings of the hooks show: read from there, so that example code stands once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent

from brahma.core import hookspecs
from brahma.core.plugins import hook_name

_FILE = re.compile(r"^([\w./]+\.(?:py|toml)):\n\n((?:    .*\n|\n)+)", re.MULTILINE)
_NAME = re.compile(r'^name = "(.+)"$', re.MULTILINE)
_DEPENDENCIES = re.compile(r"^dependencies = \[(.*)\]$", re.MULTILINE)
_POINT = re.compile(r'^([\w-]+) = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Documented:
    """A plugin of a docstring.

    Attributes:
        distribution: its name.
        dependencies: of the distribution.
        point: name of its entry point; module: what that names.
        files: path -> text, without pyproject.toml.
    """

    distribution: str
    dependencies: tuple[str, ...]
    point: str
    module: str
    files: Mapping[str, str]


def documented(kind: str) -> Documented:
    """The plugin that the docstring of a kind's hook shows."""
    text = inspect.getdoc(getattr(hookspecs, hook_name(kind))) or ""
    files = {path: dedent(code).strip("\n") + "\n" for path, code in _FILE.findall(text + "\n")}
    project = files.pop("pyproject.toml")
    (distribution,) = _NAME.findall(project)
    (dependencies,) = _DEPENDENCIES.findall(project)
    ((point, module),) = _POINT.findall(project.partition("[project.entry-points")[2])
    return Documented(distribution, tuple(re.findall(r'"(.+?)"', dependencies)), point, module, files)
