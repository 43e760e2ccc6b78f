"""What the files of a model's or an adapter's folder are called, in every tool. Imports no torch."""

from __future__ import annotations

from pathlib import Path

MODEL_CONFIG = "config.json"
MODEL_WEIGHTS = "model.safetensors"
MODEL_INDEX = "model.safetensors.index.json"
"""Which file holds which tensor, where there are several."""

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_RECORD = "brahma_adapter.json"
"""Ours, beside peft's two: the base that an adapter belongs to, and how it was prepared."""


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder holds an adapter, and no model of its own."""
    return (Path(folder).expanduser() / ADAPTER_CONFIG).is_file()
