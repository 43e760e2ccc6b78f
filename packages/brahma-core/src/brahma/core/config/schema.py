"""The keys that exist, and in plain words what each takes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import Strict
from pydantic.fields import FieldInfo

from brahma.core.config.formats import KeyPath
from brahma.core.config.sections import Choice, Section


@cache
def keys_of(section: type[Section]) -> dict[str, Any]:
    """The keys of a section as users write them, each with its annotation."""
    hints = get_type_hints(section, include_extras=True)
    return {info.alias or name: hints[name] for name, info in section.model_fields.items()}


def section_in(annotation: Any) -> type[Section] | None:
    """The section that an annotation such as `Annotated[LoraSection | None, …]` holds, if any."""
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, Section) else None
    if get_origin(annotation) is list:
        return None
    return next((found for part in get_args(annotation) if (found := section_in(part))), None)


def annotation_at(root: type[Section], path: KeyPath) -> Any:
    """What stands at a key of the schema; None where there is no such key."""
    section: type[Section] | None = root
    annotation: Any = root
    for key in path:
        if section is None or key not in keys_of(section):
            return None
        annotation = keys_of(section)[str(key)]
        section = section_in(annotation)
    return annotation


def advice_at(root: type[Section], path: KeyPath) -> str:
    """The default of a key, as an example, and its documentation; empty where there is neither."""
    section = section_in(annotation_at(root, path[:-1]))
    infos = section.model_fields.items() if section else ()
    info = next((info for name, info in infos if path and (info.alias or name) == path[-1]), None)
    if info is None:
        return ""
    default = info.default
    shown = json.dumps(default) if isinstance(default, str | int | float) else ""
    example = f"for example {shown}, the default" if shown else ""
    return ". ".join(part for part in (example, info.description) if part)


def sections(root: type[Section]) -> Iterator[tuple[KeyPath, type[Section]]]:
    """All sections and their paths, the root first."""
    yield (), root
    for key, annotation in keys_of(root).items():
        section = section_in(annotation)
        if section and not issubclass(section, Choice):
            for path, inner in sections(section):
                yield (key, *path), inner


def expected(annotation: Any) -> str:
    """What a key takes, in plain words: `a whole number of at least 1`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        bare, *metadata = get_args(annotation)
        return expected(bare) + _bounds(metadata)
    if origin in (Union, UnionType):
        return " or ".join(expected(part) for part in get_args(annotation) if part is not NoneType)
    if origin is Literal:
        choices = [json.dumps(choice) for choice in get_args(annotation)]
        return choices[0] if len(choices) == 1 else "one of " + ", ".join(choices)
    if origin is list:
        return f"a list of {_several(get_args(annotation)[0])}"
    if isinstance(annotation, type) and issubclass(annotation, Choice):
        return "a name, or an object with a name"
    return _TYPE_WORDS.get(annotation, "an object of keys and values")


def _several(item: Any) -> str:
    if expected(item) == "a string":
        return "strings"
    holds = section_in(item)
    return "names" if holds is None or issubclass(holds, Choice) else "objects"


_TYPE_WORDS = {
    NoneType: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
}
_PATTERN_WORDS = " of letters, digits, '.', '_' and '-' (at most 128, the first a letter or digit)"


def _bounds(metadata: list[Any]) -> str:
    found = [limit for item in metadata if isinstance(item, FieldInfo) for limit in item.metadata]
    words = []
    for limit in found:
        match limit:
            case Ge(ge):
                words.append(f"of at least {ge}")
            case Gt(gt):
                words.append(f"above {gt}")
            case Le(le):
                words.append(f"of at most {le}")
            case Lt(lt):
                words.append(f"below {lt}")
            case MinLen() | Strict():
                continue  # the value itself, "an empty list", says enough
            case _:
                return _PATTERN_WORDS
    return " " + " and ".join(words) if words else ""


def got(value: Any) -> str:
    """A value in plain words: `the string "8"`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {json.dumps(value[:60], ensure_ascii=False)}" if value else "an empty string"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is no finite number"
    if isinstance(value, int | float):
        return f"the number {value:.10g}" if isinstance(value, float) else f"the number {str(value)[:30]}"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return "an object of keys and values" if isinstance(value, dict) else f"a Python {type(value).__name__}"
