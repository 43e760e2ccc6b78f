"""What `Search` takes: a configuration, and keys of its `search` section by keyword."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from brahma.core.config import ResolvedConfig, load_config, resolve_config


class SearchOptions(TypedDict, total=False):
    """Keys of `search`; see `SearchSection` in `brahma.core.config.sections` for what each one does."""

    name: str
    parameters: Mapping[str, Any]
    trials: int
    metric: str
    higher_is_better: bool
    sampler: str | dict[str, Any]
    reduction_factor: int | None
    min_steps: int
    max_tokens: int
    storage: str
    seed: int


def open_base(
    config: ResolvedConfig | Mapping[str, Any] | str | Path, options: SearchOptions
) -> ResolvedConfig:
    """The base configuration, with these keys of `search` in place of its own.

    Raises:
        ConfigError: with all mistakes in it.
    """
    changes = [f"search.{key}={json.dumps(value)}" for key, value in options.items()]
    if isinstance(config, str | Path):
        return load_config(config, changes)
    if isinstance(config, Mapping):
        return resolve_config(config, overrides=changes)
    if not options:
        return config
    return resolve_config(given_document(config), overrides=changes)


def given_document(config: ResolvedConfig) -> dict[str, Any]:
    """What of a configuration is no default, as it would stand in a file."""
    document: dict[str, Any] = {}
    for key, value, _ in config.given():
        put(document, key, value)
    return document


def put(document: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; sections that are not there are made."""
    *around, last = key.split(".")
    for part in around:
        inner = document.get(part)
        if not isinstance(inner, dict):
            document[part] = inner = {}
        document = inner
    document[last] = value
