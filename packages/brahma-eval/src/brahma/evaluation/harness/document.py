"""An evaluation as a document in lm-eval's own layout, with what its `simple_evaluate` adds.

What lm-eval asks git for is left out: it takes half a second, and is about the working directory. What only
we know stands under the key `brahma`.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from brahma.core.environment import installed_version
from brahma.evaluation.harness.plain import plain

if TYPE_CHECKING:
    from brahma.evaluation.evaluator import Evaluator
    from brahma.evaluation.harness.chat import HarnessChat
    from brahma.evaluation.harness.options import TaskOptions
    from brahma.evaluation.harness.results import Effort

OURS = "brahma"
SAMPLES = "samples"


def complete(
    found: Mapping[str, Any],
    evaluator: Evaluator,
    options: TaskOptions,
    effort: Effort,
    *,
    bootstraps: int,
    chat: HarnessChat | None = None,
) -> dict[str, Any]:
    """The document of `lm_eval.evaluator.evaluate` in plain values, with settings, versions and time.

    The rows of `samples` stay as they are; without `log_samples` they are not in it.
    """
    document: dict[str, Any] = plain({key: value for key, value in found.items() if key != SAMPLES})
    document |= {
        "config": _config(evaluator, options, bootstraps),
        "date": time.time() - effort.seconds,
        "lm_eval_version": installed_version("lm_eval"),
        "transformers_version": installed_version("transformers"),
        "model_source": OURS,
        "model_name": str(evaluator.model_path),
        "model_name_sanitized": sanitized(str(evaluator.model_path)),
        "fewshot_as_multiturn": chat is not None,
        **_texts(options, chat),
        "task_hashes": {name: _task_hash(rows) for name, rows in found.get(SAMPLES, {}).items()},
        "total_evaluation_time_seconds": str(effort.seconds),
        OURS: {"version": installed_version("brahma-eval"), **asdict(effort)},
    }
    if options.log_samples:
        document[SAMPLES] = found.get(SAMPLES, {})
    return document


def sanitized(name: str) -> str:
    """A model's name as a file's, by lm-eval's rule."""
    return re.sub(r"[\"<>:/|\\?*\[\]]+", "__", name)


def _config(evaluator: Evaluator, options: TaskOptions, bootstraps: int) -> dict[str, Any]:
    python, numpy, torch, fewshot = options.seeds
    return {
        "model": OURS,
        "model_args": {"pretrained": str(evaluator.model_path), **evaluator.settings},
        "batch_size": str(options.batch_size),
        "batch_sizes": [],
        "device": evaluator.settings["device"],
        "use_cache": None,
        "limit": options.limit,
        "bootstrap_iters": bootstraps,
        "gen_kwargs": None,
        "random_seed": python,
        "numpy_seed": numpy,
        "torch_seed": torch,
        "fewshot_seed": fewshot,
    }


def _texts(options: TaskOptions, chat: HarnessChat | None) -> dict[str, str | None]:
    texts = {
        "system_instruction": options.system_instruction,
        "chat_template": chat.text if chat is not None else None,
    }
    return {**texts, **{f"{key}_sha": _sha(text) if text else None for key, text in texts.items()}}


def _task_hash(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of all examples, prompts and targets: the same task asked the same has the same one."""
    return _sha("".join(f"{row['doc_hash']}{row['prompt_hash']}{row['target_hash']}" for row in rows))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
