"""Writes what is generated in docs/reference/.

    python docs/generate_reference.py

configuration.md is made here, from the sections of the configuration: a field's documentation stands under
the field, in `brahma.core.config.sections`. hooks.md and the tables of options in commands.md are made by the
modules beside this one. Tests hold that the files are what this script writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from brahma.core.config import Choice, Config, Section
from brahma.core.config.aliases import ALIASES, FOREIGN_KEYS
from brahma.core.config.formats import KeyPath
from brahma.core.config.schema import expected, keys_of, section_in, sections
from brahma.core.entries import resolve
from brahma.core.plugins import DISTRIBUTIONS, get_plugins
from brahma.core.presets import PRESETS
from brahma.core.sizes import size
from brahma.core.spec import ModelSpec, human_count

REFERENCE = Path(__file__).parent / "reference" / "configuration.md"

_HEAD = """# Configuration

<!-- Written by docs/generate_reference.py from the code; change the docstrings there, not this file. -->

A configuration is a JSON, YAML or TOML file. `brahma config check FILE` reads one, reports all mistakes
together, each with its line, and prints where each value comes from. `--set section.key=value` replaces a
value. An unknown key, a wrong type and a contradiction are errors; nothing is ignored.

A relative path is relative to the folder of the file that names it; one in `--set` is relative to the working
directory, which is also the `output_dir` of a file that names none. In the columns below, *absent* means that
nothing is given, and the description says what follows.

An editor completes and checks a configuration that names the schema: `"$schema": "configuration.schema.json"`
([configuration.schema.json](configuration.schema.json), or with the plugins of your own installation what
`brahma config schema` prints). That key says nothing to Brahma.

Most of these keys are keyword arguments of `Trainer` as well ([the SDK](sdk.md)).
"""

_PRESETS = """## Presets

Parameters are counted at the vocabulary of the preset. `model_config` may change any key beside `preset`.

| Preset | Parameters | Layers | Hidden | Heads | Key-value heads | Vocabulary |
|---|---|---|---|---|---|---|
"""

_ALIASES = """## Other names

These are accepted in place of ours. Giving both names of one key is an error.

| Name | Stands for |
|---|---|
"""

_FOREIGN = """## Keys of other trainers

These have no counterpart of the same meaning. They are refused with this advice.

| Key | Advice |
|---|---|
"""

_OPTIONS = """## Options of things chosen by name

A name stands alone, `"optimizer": "adamw"`, or with options,
`"optimizer": {"name": "adamw", "fused": false}`. `brahma plugins list` shows every name that is installed.
"""


def render() -> str:
    """The whole page."""
    parts = [_HEAD, *(_section(path, section) for path, section in sections(Config))]
    options = list(_options())
    parts += [_OPTIONS, *options]
    parts.append(_PRESETS + _rows(_preset_row(name) for name in PRESETS))
    parts.append(_ALIASES + _rows((_code(a), _code(b)) for a, b in sorted(ALIASES.items(), key=str)))
    parts.append(_FOREIGN + _rows((f"`{key}`", _cell(text)) for key, text in sorted(FOREIGN_KEYS.items())))
    return "\n".join(parts)


def _section(path: KeyPath, section: type[Section]) -> str:
    title = ".".join(map(str, path)) or "Top level"
    heading = "#" * (2 + max(0, len(path) - 1))
    named = f"`{title}`" if path else title
    return f"{heading} {named}\n\n{_about(section)}\n\n{_table(section, path)}"


def _about(section: type[Section]) -> str:
    """The section's docstring without the name that the heading says already."""
    text = " ".join((section.__doc__ or "").split())
    _, colon, rest = text.partition("`: ")
    about = rest if colon else text
    return about[:1].upper() + about[1:]


def _table(section: type[Section], path: KeyPath) -> str:
    fields = {info.alias or name: info for name, info in section.model_fields.items()}
    rows = [_field_row((*path, key), annotation, fields[key]) for key, annotation in keys_of(section).items()]
    return "| Key | Takes | Default | What it does |\n|---|---|---|---|\n" + _rows(rows)


def _field_row(path: KeyPath, annotation: Any, info: FieldInfo) -> Sequence[str]:
    holds = section_in(annotation)
    inner = holds is not None and not issubclass(holds, Choice)
    takes = "a section, see below" if inner else expected(annotation)
    return (
        f"`{path[-1]}`",
        _cell(takes),
        _default(info, inner),
        _cell(" ".join((info.description or "").split())),
    )


def _default(info: FieldInfo, inner: bool) -> str:
    if info.default is PydanticUndefined:
        return "required"
    if info.default is None:
        return "*absent*"
    if inner:
        return "its defaults"
    if isinstance(info.default, list):
        names = [each.name if isinstance(each, Choice) else each for each in info.default]
        return f"`{json.dumps(names)}`"
    return f"`{json.dumps(info.default.name if isinstance(info.default, Choice) else info.default)}`"


def _options() -> Iterator[str]:
    for registration in get_plugins().registrations:
        entry = registration.entry
        if entry.options and registration.distribution in DISTRIBUTIONS:
            yield f"### {entry.kind} `{entry.name}`\n\n{_table(resolve(entry.options), ())}"


def _preset_row(name: str) -> Sequence[str]:
    spec = ModelSpec.preset(name)
    shape = spec.architecture
    assert shape is not None
    counts = (
        shape.num_hidden_layers,
        shape.hidden_size,
        shape.num_attention_heads,
        shape.num_key_value_heads,
        shape.vocab_size,
    )
    return f"`{name}`", human_count(spec.num_parameters), *map(str, counts)


def _rows(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _code(path: KeyPath) -> str:
    return f"`{'.'.join(map(str, path))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the pages and say so."""
    import reference_cleaning as cleaning
    import reference_commands as commands
    import reference_hooks as hooks
    import reference_imports as imports
    import reference_schema as schema

    written = {
        REFERENCE: render(),
        cleaning.PAGE: cleaning.render(_table),
        hooks.PAGE: hooks.render(),
        imports.PAGE: imports.render(),
        schema.PAGE: schema.render(),
        commands.PAGE: commands.render(commands.PAGE.read_text(encoding="utf-8")),
    }
    for page, text in written.items():
        page.write_text(text, encoding="utf-8")
        print(f"{page.name}: {size(page.stat().st_size)}")


if __name__ == "__main__":
    main()
