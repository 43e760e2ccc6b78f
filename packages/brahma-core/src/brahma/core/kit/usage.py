"""Where an entry is chosen, and what to write there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from brahma.core.entries import Entry, MetricEntry, ReaderEntry

PLACES: Mapping[str, str] = {
    "optimizer": "training_config.optimizer",
    "schedule": "training_config.schedule",
    "backend": "training_config.backend",
    "tracker": "training_config.trackers",
    "quantizer": "quantization.quantizer",
    "reader": "the ending of a data file",
    "filter": "steps of a cleaning profile",
    "augmenter": "brahma data augment --techniques",
    "executor": "brahma data clean --executor",
    "task": "Evaluator.evaluate",
    "metric": "Evaluator.evaluate_custom",
    "sampler": "search.sampler",
    "objective": "search.metric",
    "command": "the command line",
}
"""By kind."""


def fragment(entry: Entry, options: Mapping[str, Any]) -> str:
    """What a user writes to choose it.

    Args:
        options: some of its own, to show how they are given.
    """
    choice = {"name": entry.name, **options} if options else entry.name
    given = " ".join(f"--executor-option {key}={json.dumps(value)}" for key, value in options.items())
    match entry.kind:
        case "optimizer" | "schedule" | "backend":
            return json.dumps({"training_config": {entry.kind: choice}}, ensure_ascii=False)
        case "tracker":
            return json.dumps({"training_config": {"trackers": [choice]}}, ensure_ascii=False)
        case "quantizer":
            return json.dumps({"quantization": {"quantizer": choice}}, ensure_ascii=False)
        case "reader":
            suffix = cast(ReaderEntry, entry).suffixes[0]
            return json.dumps({"data_config": {"train": f"data/my{suffix}"}})
        case "filter":
            step = json.dumps(choice, ensure_ascii=False) if options else entry.name
            return f"steps: [{step}]"
        case "augmenter":
            return f"brahma data augment --input rows.jsonl --output more.jsonl --techniques {entry.name}"
        case "executor":
            return (
                f"brahma data clean raw.jsonl --output clean.jsonl --executor {entry.name} {given}".rstrip()
            )
        case "task":
            return f'Evaluator("runs/my-run").evaluate(["{entry.name}"])'
        case "metric":
            of_answers = cast(MetricEntry, entry).of == "answers"
            asked = f', metrics=["{entry.name}"]' if of_answers else ""
            return f'Evaluator("runs/my-run").evaluate_custom("held_out.jsonl"{asked})["{entry.name}"]'
        case "sampler":
            return json.dumps({"search": {"sampler": choice}}, ensure_ascii=False)
        case "objective":
            return json.dumps({"search": {"metric": choice}}, ensure_ascii=False)
    return f"brahma {entry.name}"
