"""What a run was started with, and what it may be resumed with."""

from __future__ import annotations

import json
import shutil
from typing import Any

from pydantic import ValidationError

from brahma.core.config import Config, ResolvedConfig, diff
from brahma.core.errors import ResumeError
from brahma.core.runs import RunDirectory, read_metrics, write_json

# Nothing here changes a bit of the weights.
FREE = (
    "training_config.logging_steps",
    "training_config.save_steps",
    "training_config.save_total_limit",
    "training_config.async_save",
    "training_config.trackers",
    "data_config.workers",
    "evaluation.data_dir",
    "output_dir",
    "run_name",
    "search",
)
_GLOBAL_BATCH = (
    "training_config.batch_size",
    "training_config.gradient_accumulation_steps",
    "training_config.global_batch_size",
)
# The same maths in another order of additions: allowed, and said.
_SAME_MATHS = (
    "training_config.gradient_checkpointing",
    "training_config.compile",
    "training_config.threads",
)


def pin_configuration(directory: RunDirectory, resolved: ResolvedConfig) -> list[str]:
    """Keep the configuration of a run that begins; hold that of a run that goes on against it.

    A run that has no checkpoint and no metrics yet has not begun: it takes the new configuration.

    Returns:
        Keys that differ in a way that keeps the maths and may change the last bits.

    Raises:
        ResumeError: with each other key that changed.
    """
    path = directory.config
    if not _has_begun(directory):
        for prepared in ("data.json", "plan.json"):
            (directory.root / prepared).unlink(missing_ok=True)
        if _read(path) != resolved.to_dict():
            shutil.rmtree(directory.root / "tokenizer", ignore_errors=True)
        write_json(path, {"config": resolved.to_dict(), "origins": dict(resolved.origins)})
        return []
    began = _completed(_read(path))
    changed = [each for each in diff(began, resolved) if not each[0].startswith(FREE)]
    before, after = began["training_config"], resolved.to_dict()["training_config"]
    same = _SAME_MATHS + (_GLOBAL_BATCH if _global_batch(before) == _global_batch(after) else ())
    refused = [each for each in changed if each[0] not in same]
    if refused:
        raise ResumeError(
            f"the configuration differs from what run {directory.name} began with",
            where=str(path),
            why="; ".join(f"{key} was {old!r}, is {new!r}" for key, old, new in refused),
            hint="put the old values back, or start a new run under another run_name",
        )
    return [key for key, _, _ in changed]


def _global_batch(training: dict[str, Any]) -> int:
    """Packs of an optimizer step, on one process."""
    share: int = training["batch_size"] * training["gradient_accumulation_steps"]
    return training["global_batch_size"] or share


def _has_begun(directory: RunDirectory) -> bool:
    started = any(directory.checkpoints.glob("checkpoint-*")) or bool(read_metrics(directory.metrics))
    return started and directory.config.exists()


def _completed(config: dict[str, Any]) -> dict[str, Any]:
    """With the defaults of the keys that did not exist yet when the run began."""
    try:
        return Config.model_validate(config).model_dump(mode="json", by_alias=True)
    except ValidationError:
        return config


def _read(path: Any) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(path.read_text())["config"] if path.exists() else {}
    return config
