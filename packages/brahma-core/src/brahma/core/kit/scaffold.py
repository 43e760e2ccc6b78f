"""A new plugin: the one of a hook's docstring under another name, as a distribution with its tests."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from brahma.core.errors import PluginError
from brahma.core.kit.documented import Documented, documented
from brahma.core.kit.templates import GITIGNORE, PROJECT, README, TEST, USES
from brahma.core.plugins import DISTRIBUTIONS, FIRST_PARTY, KINDS, get_plugins

_VALID = re.compile(r"[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PREFIX = "brahma-"
_LONGEST = 64


@dataclass(frozen=True)
class Names:
    """How a plugin is called, each where it has to be written so.

    Attributes:
        distribution: `brahma-my-thing`; entry: `my-thing`, or `my_thing` as the user wrote it.
        module: `brahma_my_thing`; stem: `my_thing`; camel: `MyThing`.
    """

    distribution: str
    entry: str

    @property
    def module(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def stem(self) -> str:
        return self.module.removeprefix("brahma_")

    @property
    def camel(self) -> str:
        return "".join(part[:1].upper() + part[1:] for part in self.stem.split("_"))


def names_of(name: str) -> Names:
    """What follows from the name that a user gives, with or without `brahma-`.

    Raises:
        PluginError: a name that no distribution or module can have.
    """
    bare = name.removeprefix(_PREFIX)
    normal = re.sub(
        r"[-_.]+", "-", bare
    ).lower()  # https://packaging.python.org/specifications/name-normalization/
    names = Names(f"{_PREFIX}{normal}", bare)
    if not _VALID.fullmatch(bare) or len(bare) > _LONGEST:
        raise PluginError(
            f"{name!r} is no name for a plugin",
            why=f"letters, digits, '-', '_' and '.', the first a letter, {_LONGEST} at most",
            hint=f"For example: {_proposal(bare)}",
        )
    if keyword.iskeyword(names.stem) or names.stem in keyword.softkwlist:
        raise PluginError(
            f"{name!r} is a word of Python's", hint=f"Choose another name, for example my-{names.stem}"
        )
    if names.distribution in {*DISTRIBUTIONS, *(each.partition("[")[0] for each in FIRST_PARTY.values())}:
        raise PluginError(
            f"{names.distribution} is a package of Brahma's own",
            hint=f"Choose another name, for example my-{names.stem}",
        )
    return names


def _proposal(name: str) -> str:
    proposed = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-0123456789")[:_LONGEST].strip("-").lower()
    return proposed or "my-plugin"


def plugin_files(name: str, kind: str) -> dict[str, str]:
    """Path -> text of a whole distribution.

    Raises:
        PluginError: the name cannot be one.
    """
    names, shown = names_of(name), documented(kind)
    code = _renamed(shown, names)
    values = {
        "distribution": names.distribution,
        "module": names.module,
        "entry": names.entry,
        "stem": names.stem,
        "kind": kind,
        "a_kind": f"an {kind}" if kind[0] in "aeiou" else f"a {kind}",
        "point": names.entry,
        "hooks": shown.module.replace(shown.module.partition(".")[0], names.module),
        "dependencies": "".join(f'  "{each}",\n' for each in shown.dependencies),
    }
    uses = Template(USES[kind]).substitute(values)
    return {
        "pyproject.toml": Template(PROJECT).substitute(values),
        "README.md": Template(README).substitute(values, write=_usage(kind, names)),
        ".gitignore": GITIGNORE,
        **{f"src/{path}": text for path, text in code.items()},
        f"tests/test_{names.stem}.py": Template(TEST).substitute(values, uses=uses),
    }


def write_plugin(name: str, kind: str, output: Path) -> Path:
    """Write the distribution into a new folder of its name, which is returned.

    Raises:
        PluginError: the name cannot be one, or the folder exists.
    """
    files = plugin_files(name, kind)
    folder = output / names_of(name).distribution
    if folder.exists():
        raise PluginError(
            "the folder exists already", where=str(folder), hint="Choose another name, or --output DIR"
        )
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return folder


def taken_by(name: str, kind: str) -> list[str]:
    """The distributions that bring an entry of this name and kind already."""
    entry = names_of(name).entry
    installed = [each.origin for each in get_plugins().of_kind(kind) if each.entry.name == entry]
    known = FIRST_PARTY.get((kind, entry))
    return installed or ([known] if known else [])


def _renamed(shown: Documented, names: Names) -> dict[str, str]:
    """The files of the documented plugin under the new names; a single module becomes a package."""
    old = Names(shown.distribution, shown.distribution.removeprefix(_PREFIX))
    _check_free(shown, old, names)
    rules = list(_rules(old, names))
    files = {}
    for path, text in shown.files.items():
        for pattern, new in rules:
            text = re.sub(pattern, new, text)
        place = path.replace(old.module, names.module)
        files[f"{names.module}/__init__.py" if place == f"{names.module}.py" else place] = text
    files.setdefault(f"{names.module}/__init__.py", f'"""The {names.entry} plugin for Brahma."""\n')
    return dict(sorted(files.items()))


def _rules(old: Names, names: Names) -> Iterator[tuple[str, str]]:
    """What is replaced: modules, classes, functions, the entry's name, the ending of a reader's files."""
    yield rf"\b{old.module}\b", names.module
    yield rf"\b{old.camel}(?=[A-Z]|\b)", names.camel
    yield rf"(?<=def ){old.stem}(?=\()", names.stem
    yield rf'(?<=:){old.stem}(?=")', names.stem
    yield rf'(?<=name="){old.stem}(?=")', names.entry
    yield rf'(?<="\.){old.stem}(?=")', names.stem


def _check_free(shown: Documented, old: Names, names: Names) -> None:
    """Raises PluginError where the example's code uses one of the new names for something else."""
    code = "\n".join(shown.files.values())
    new = {re.sub(rf"^{old.camel}", names.camel, each) for each in re.findall(rf"\b{old.camel}\w*", code)}
    if re.search(rf"def {old.stem}\(", code):
        new.add(names.stem)
    for each in sorted(new):
        if names.stem != old.stem and re.search(rf"\b{each}\b", code):
            raise PluginError(
                f"{names.entry!r} would hide {each}, which the plugin's code needs",
                hint=f"Choose another name, for example my-{names.stem}",
            )


def _usage(kind: str, names: Names) -> str:
    from brahma.core.kit.usage import fragment

    entry_type: Any = KINDS[kind]
    more: dict[str, dict[str, Any]] = {
        "reader": {"suffixes": (f".{names.stem}",)},
        "quantizer": {"formats": ()},
        "objective": {"direction": "minimize"},
    }
    text = fragment(entry_type(name=names.entry, target=f"{names.module}:x", **more.get(kind, {})), {})
    language = "json" if text.startswith("{") else "python" if "Evaluator" in text else "bash"
    language = "yaml" if kind == "filter" else language
    return f"```{language}\n{text}\n```"
