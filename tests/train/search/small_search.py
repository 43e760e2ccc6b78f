"""A search that takes seconds: its configuration, and what is compared of two searches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from brahma.core.config import resolve_config
from brahma.train.search import Search, SearchResult, Study
from brahma.train.search.events import Event
from tests.train.small_run import MODEL, write_rows

BASE: dict[str, Any] = {
    "model_config": MODEL,
    "tokenizer": {"train": {"vocab_size": 300}},
    "data_config": {"validation": 0.1, "seq_length": 64, "on_long_row": "drop", "workers": 1},
    "training_config": {
        "lr": 1e-3,
        "batch_size": 2,
        "max_steps": 9,
        "save_steps": 2,
        "bf16": False,
        "fp16": False,
        "threads": 1,
        "trackers": [],
    },
}


def base(output_dir: Path, search: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    """The base configuration, with rows beside the output."""
    output_dir.mkdir(parents=True, exist_ok=True)
    rows = output_dir / "rows.jsonl"
    if not rows.exists():
        write_rows(rows)
    return {
        **BASE,
        "data_config": {**BASE["data_config"], "train": str(rows)},
        "training_config": {**BASE["training_config"], **training},
        "search": {"name": "study", "parameters": {"lr": None}, "trials": 4, **(search or {})},
        "output_dir": str(output_dir),
    }


def write_base(output_dir: Path, search: dict[str, Any] | None = None, **training: Any) -> Path:
    path = output_dir / "base_config.json"
    output_dir.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(base(output_dir, search, **training)))
    return path


def search(output_dir: Path, told: list[Event] | None = None, **keys: Any) -> Search:
    """A search of these keys of `search`; `training` holds those of `training_config`."""
    training = keys.pop("training", {})
    optimize = keys.pop("optimize", None)
    resolved = resolve_config(base(output_dir, keys, **training))
    return Search(resolved, optimize=optimize, observer=None if told is None else told.append)


def searched(output_dir: Path, **keys: Any) -> SearchResult:
    return search(output_dir, **keys).run()


def story(output_dir: Path, name: str = "study") -> list[tuple[Any, ...]]:
    """What a search did, trial by trial: an interruption may not change it."""
    trials = Study.open(name, output_dir).trials()
    return [(t.number, dict(t.params), t.steps, t.tokens, t.values, t.status, t.reason) for t in trials]
