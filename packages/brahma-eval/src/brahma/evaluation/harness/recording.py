"""An evaluation in the metrics of the run that the model comes from."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from brahma.core.checkpoints import MANIFEST
from brahma.core.errors import RunError
from brahma.core.runs import RunDirectory, iter_metrics
from brahma.core.runs.files import writable
from brahma.evaluation.harness.results import TaskResult, TaskResults, leaves


def record(results: TaskResults, model_path: str | Path) -> Path | None:
    """Add the figures to `metrics.jsonl`, at the checkpoint's step, as `eval/<task>/<figure>`.

    Of a group the means alone: MMLU has 57 tasks. Where not all examples were scored, `eval/limit` says how
    many of each task. Nothing is added twice.

    Args:
        model_path: where the model lies.

    Returns:
        The file; None where the model is no checkpoint of a run.

    Raises:
        RunError: the run is being written, or cannot be.
    """
    place = _place(Path(model_path).absolute())
    if place is None:
        return None
    run, step = place
    figures = {
        f"eval/{name}/{figure}": each.value
        for name, found in _without_members(results).items()
        for figure, each in found.figures.items()
        if math.isfinite(each.value)
    }
    if (limit := results.document.get("config", {}).get("limit")) is not None:
        figures["eval/limit"] = limit
    with run.lock():
        rows = list(iter_metrics(run.metrics))
        attempts = [row["attempt"] for row in rows if row["step"] <= step and "attempt" in row]
        row = {"step": step, "attempt": max(attempts, default=1), "time": round(time.time(), 3), **figures}
        if not any(_same(row, each) for each in rows):
            _append(run.metrics, row)
    return run.metrics


def _without_members(results: TaskResults) -> dict[str, TaskResult]:
    """Groups with figures of their own, and the tasks that are in none."""
    subtasks = results.document.get("group_subtasks", {})
    members = {task for group in results.groups for task in leaves(subtasks, group)}
    return {**{name: task for name, task in results.tasks.items() if name not in members}, **results.groups}


def _place(folder: Path) -> tuple[RunDirectory, int] | None:
    """The run and the step of a checkpoint's folder."""
    step = folder.name.removeprefix("checkpoint-")
    run = RunDirectory(folder.parent.parent)
    is_ours = folder.parent == run.checkpoints and (folder / MANIFEST).is_file() and step.isdecimal()
    return (run, int(step)) if is_ours and run.read_state() is not None else None


def _same(row: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**row, "time": 0, "attempt": 0} == {**other, "time": 0, "attempt": 0}


def _append(path: Path, row: dict[str, Any]) -> None:
    """One line, in one write.

    Raises:
        RunError: the last line is not whole, or it cannot be written.
    """
    line = json.dumps(row, allow_nan=False, ensure_ascii=False).encode() + b"\n"
    with writable(path), path.open("a+b") as file:
        if file.tell() and not _ends_whole(path):
            raise RunError(
                "the last line is torn: the process that wrote it was killed",
                where=str(path),
                hint="Go on with the run, which mends it, and evaluate again",
            )
        file.write(line)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
