"""Makes docs/reference/cleaning-steps.md from the steps of a cleaning, their options, and the profiles."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from brahma.core.config.formats import KeyPath
from brahma.core.config.schema import sections
from brahma.core.config.sections import Section
from brahma.core.entries import FilterEntry, resolve
from brahma.core.plugins import DISTRIBUTIONS, get_plugins
from brahma.data.cleaning.profile import load_profile, profile_files
from brahma.data.cleaning.steps import boilerplate

PAGE = Path(__file__).parent / "reference" / "cleaning-steps.md"
Table = Callable[[type[Section], KeyPath], str]
"""What makes the table of a section's keys."""

_HEAD = """# Cleaning steps

<!-- Written by docs/generate_reference.py from the code; change the docstrings there, not this file. -->

A cleaning is a list of steps, run from top to bottom ([clean a corpus](../how-to/clean-a-corpus.md)). A
profile is a file with such a list. `brahma data profiles NAME` prints a built-in one, each line with its
reason; copy it, change it, and name the copy with `--profile`:

```yaml
summary: German and English pages
steps:
  - encoding
  - whitespace
  - {name: language, keep: [de, en]}
  - {name: personal_data, phone: false}
  - exact_documents
```

A step is a name, or a mapping with `name` and its options; it may stand once. An unknown step or option is an
error that names the line. A step sees each text of a row alone (a turn of a conversation), or the whole
document, or all documents before any goes.

## Profiles

When none is named, one of the three careful profiles, `repair`, `repair-code` and `repair-chat`, is taken by
the look of the data, and the report says why. The others drop more, and are only taken when asked for.

| Profile | For | Steps |
|---|---|---|
"""
_SCOPES = {"text": "each text of a row", "document": "the whole document", "corpus": "all documents"}
_LIST = """### The built-in list

```yaml
{}```
"""


def render(table: Table) -> str:
    """The whole page."""
    entries = [
        cast(FilterEntry, each.entry)
        for each in get_plugins().registrations
        if each.entry.kind == "filter" and each.distribution in DISTRIBUTIONS
    ]
    return "\n".join([_HEAD + "".join(_profiles()), *(_step(entry, table) for entry in entries)])


def _profiles() -> Iterator[str]:
    for name in profile_files():
        profile = load_profile(name)
        yield f"| `{name}` | {profile.summary} | {', '.join(step.name for step in profile.steps)} |\n"


def _step(entry: FilterEntry, table: Table) -> str:
    model = resolve(entry.options) if entry.options else None
    head = f"## {entry.name}\n\n{entry.summary}. Sees {_SCOPES[entry.scope]}.\n\n{_about(entry.load())}"
    parts = [_options(path, section, table) for path, section in (sections(model) if model else ())]
    if entry.name == "boilerplate":
        parts.append(_LIST.format(boilerplate.BUILT_IN.read_text(encoding="utf-8")))
    return head + "\n".join(parts)


def _about(target: object) -> str:
    """The docstring of a step's class, or that of the module of a function, from its second paragraph on."""
    described = target if inspect.isclass(target) else sys.modules[getattr(target, "__module__", "")]
    _, *paragraphs = (inspect.getdoc(described) or "").split("\n\n")
    return "".join(f"{paragraph}\n\n" for paragraph in paragraphs if not _is_for_code(paragraph))


def _is_for_code(paragraph: str) -> bool:
    return paragraph.startswith(("Raises:", "Args:", "Attributes:"))


def _options(path: KeyPath, section: type[Section], table: Table) -> str:
    if not path:
        return table(section, path)
    about = " ".join((section.__doc__ or "").split())
    return f"### `{'.'.join(map(str, path))}`\n\n{about}\n\n{table(section, path)}"
