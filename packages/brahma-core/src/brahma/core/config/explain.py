"""Every key of a configuration: its final value, where that comes from, and what it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from brahma.core.config.aliases import ALIASES, canonical
from brahma.core.config.choices import KINDS, offers
from brahma.core.config.derived import Derived, derived
from brahma.core.config.draft import dotted, value_at
from brahma.core.config.formats import KeyPath
from brahma.core.config.nearest import hint_for
from brahma.core.config.problems import ConfigKeyError
from brahma.core.config.resolve import ResolvedConfig, resolve_config
from brahma.core.config.schema import expected, keys_of, section_in, sections
from brahma.core.config.sections import Choice, Config, Section
from brahma.core.entries import Entry, resolve
from brahma.core.suggest import suggestion

_SECTIONS = frozenset(dotted(path) for path, _ in sections(Config))
Kind = Literal["given", "derived", "default", "absent"]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A key and all that is to be said about it.

    Attributes:
        key: dotted, under our own name.
        value: what the run will use; None where nothing stands, or where only the run will tell.
        kind: `given` by the user, `derived` from other keys or the machine, a `default`, or `absent`: of a
            section that is not configured.
        origin: `my.json:12`, `--set`, `default`, or what a derived value follows from.
        does: the documentation of the key.
        takes: type and limits, in words.
        default: None for none.
        aliases: other names, dotted.
        choices: of a key that takes a name: what is installed.
    """

    key: str
    value: Any
    kind: Kind
    origin: str
    does: str
    takes: str
    default: Any
    aliases: tuple[str, ...] = ()
    choices: tuple[Entry, ...] = ()

    @property
    def section(self) -> str:
        """The section that holds the key; of an option, that of the thing it belongs to."""
        section = self.key.rpartition(".")[0]
        while section not in _SECTIONS:
            section = section.rpartition(".")[0]
        return section

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON; of the choices their names and summaries."""
        choices = [{"name": entry.name, "summary": entry.summary} for entry in self.choices]
        return {**asdict(replace(self, choices=())), "choices": choices}


def explain(resolved: ResolvedConfig) -> list[Explained]:
    """Every key, sections in their order, options of things chosen by name behind the name."""
    return list(_Explainer(resolved).keys())


def explain_defaults(overrides: Sequence[str] = ()) -> list[Explained]:
    """Every key as it is where no configuration speaks of it; `overrides` as given to `--set`.

    Raises:
        ConfigError: an override is wrong.
    """
    least = {"model_config": {"preset": "nano"}, "tokenizer": {"train": {}}, "data_config": {"train": "."}}
    known = explain(resolve_config(least, overrides=overrides))
    return [
        each
        if each.origin == "--set"
        else replace(each, value=each.default, kind="default", origin="default")
        for each in known
    ]


def options_of(entry: Entry, key: str) -> Iterator[Explained]:
    """The options that can be given beside the name of an entry, which stands at `key`; their defaults."""
    for name, annotation, info in _fields(resolve(entry.options)) if entry.options else ():
        default = _default(info)
        yield _explained(f"{key}.{name}", annotation, info, value=default, kind="default", origin="default")


def find(explained: list[Explained], word: str, *, where: str) -> list[Explained]:
    """What a user means by a key: `training_config.lr`, `lr`, `learning_rate`, or a whole section.

    Args:
        where: the file, for the error.

    Raises:
        ConfigKeyError: there is no such key (the nearest is named), or it stands in several sections.
    """
    key = dotted(canonical(tuple(word.strip(".").split("."))))
    inside = key if key in _SECTIONS - {""} else None
    if found := [each for each in explained if each.key == key or each.section == inside]:
        return found
    found = [
        each for each in explained if word in {name.split(".")[-1] for name in (each.key, *each.aliases)}
    ]
    if len(found) == 1:
        return found
    if found:
        hint = " or ".join(each.key for each in found)
        raise ConfigKeyError(word, "stands in several sections", where=where, hint=hint)
    raise ConfigKeyError(word, "unknown key", where=where, hint=_hint(explained, word))


def _hint(explained: list[Explained], word: str) -> str:
    parent, _, last = word.rpartition(".")
    options = [each.key.rpartition(".")[2] for each in explained if each.key.startswith(f"{parent}.")]
    if options and parent not in _SECTIONS:
        return suggestion(last, options, nothing="")
    return hint_for(Config, tuple(word.split(".")))


class _Explainer:
    def __init__(self, resolved: ResolvedConfig) -> None:
        self.values = resolved.to_dict()
        self.origins = resolved.origins
        self.derived = derived(resolved.config)
        self.offers = offers()

    def keys(self) -> Iterator[Explained]:
        for path, section in sections(Config):
            for key, annotation, info in _fields(section):
                holds = section_in(annotation)
                value = value_at(self.values, (*path, key))
                if (*path, key) in KINDS:
                    yield from self._choice((*path, key), annotation, info, value)
                elif holds is None or (value is None and not self._is_absent(path)):
                    yield self._plain((*path, key), annotation, info, value)

    def _is_absent(self, path: KeyPath) -> bool:
        return bool(path) and value_at(self.values, path) is None

    def _plain(self, path: KeyPath, annotation: Any, info: FieldInfo, value: Any) -> Explained:
        key = dotted(path)
        inside = (place for name, place in self.origins.items() if name.startswith(f"{key}."))
        kind, origin, value = self._origin(path, self.origins.get(key) or next(inside, "default"), value)
        return _explained(key, annotation, info, value=value, kind=kind, origin=origin)

    def _origin(self, path: KeyPath, origin: str, value: Any) -> tuple[Kind, str, Any]:
        if self._is_absent(path[:-1]):
            return "absent", f"there is no {dotted(path[:-1])}", None
        follows: Derived | None = self.derived.get(dotted(path))
        if origin != "default" and value is not None:
            return "given", origin, value
        if follows is None:
            return "default", "default", value
        return (
            ("default", "default", follows.value)
            if follows.is_default
            else ("derived", follows.why, follows.value)
        )

    def _choice(self, path: KeyPath, annotation: Any, info: FieldInfo, value: Any) -> Iterator[Explained]:
        """A name, then its options; of a list of names, and in an absent section, the key alone."""
        if self._is_absent(path[:-1]):
            yield self._plain(path, annotation, info, value)
            return
        key, chosen = dotted(path), tuple(entry for entry in self.offers if entry.kind == KINDS[path])
        origin = self.origins.get(key) or self.origins.get(f"{key}.name", "default")
        kind: Kind = "default" if origin == "default" else "given"
        shown = [_short(each) for each in value] if isinstance(value, list) else value["name"]
        row = _explained(key, annotation, info, value=shown, kind=kind, origin=origin)
        yield replace(row, choices=chosen)
        entry = next((each for each in chosen if each.name == shown), None)
        for option in options_of(entry, key) if entry else ():
            if option.key in self.origins:
                given = value[option.key.rpartition(".")[2]]
                yield replace(option, value=given, kind="given", origin=self.origins[option.key])
            else:
                yield option


def _fields(section: type[Section]) -> Iterator[tuple[str, Any, FieldInfo]]:
    for (key, annotation), info in zip(keys_of(section).items(), section.model_fields.values(), strict=True):
        yield key, annotation, info


def _explained(
    key: str, annotation: Any, info: FieldInfo, *, value: Any, kind: Kind, origin: str
) -> Explained:
    return Explained(
        key=key,
        value=value,
        kind=kind,
        origin=origin,
        does=" ".join((info.description or "").split()),
        takes=expected(annotation),
        default=_default(info),
        aliases=tuple(dotted(alias) for alias, name in ALIASES.items() if dotted(name) == key),
    )


def _default(info: FieldInfo) -> Any:
    if isinstance(info.default, list):
        return [_short(each.model_dump()) for each in info.default]
    return info.default.name if isinstance(info.default, Choice) else _plain(info.default)


def _plain(default: Any) -> Any:
    return None if default is PydanticUndefined or isinstance(default, Section) else default


def _short(choice: dict[str, Any]) -> Any:
    """`{"name": "tensorboard"}` -> `"tensorboard"`."""
    return choice["name"] if len(choice) == 1 else choice
