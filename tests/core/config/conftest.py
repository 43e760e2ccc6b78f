from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

SMALLEST: dict[str, Any] = {
    "model_config": {"preset": "micro"},
    "tokenizer": {"train": {"vocab_size": 8192}},
    "data_config": {"train": "/data/my.jsonl"},
}


@pytest.fixture
def smallest() -> dict[str, Any]:
    """A valid configuration with nothing in it that need not be."""
    return deepcopy(SMALLEST)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, object], Path]:
    """Write a file in an own folder: text or bytes as they are, anything else as JSON, a key a line."""

    def write_file(name: str, content: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    return write_file
