"""What a search costs in tokens: trials that go on from their checkpoints, and the same trials trained anew.

    python benchmarks/search.py --write      # some minutes
    python benchmarks/search.py --quick      # to see that everything works

The trials of one search are trained in three ways, and their tokens are counted: each to its end, from its
first step; by successive halving, where one that goes on begins at its first step again; and by Brahma's
search, where it goes on from its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.arguments import parse as parse_arguments
from benchmarks.arguments import parser
from benchmarks.children import command_line
from benchmarks.report import facts, table, write_section

from brahma.core.config import resolve_config
from brahma.core.runs import Run
from brahma.train import Trainer
from brahma.train.quickstart.corpus import read_modules
from brahma.train.search import Search, SearchResult
from brahma.train.search.records import TrialRecord

SECTION = "search"
MODEL = {
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 128,
    "tie_word_embeddings": True,
    "max_position_embeddings": 128,
}
_MODULES, _QUICK_MODULES = 60, 12


@dataclass(frozen=True)
class InFull:
    """All trials, each trained to its end."""

    values: Mapping[int, float]

    @property
    def best(self) -> int:
        return min(self.values, key=lambda number: (self.values[number], number))


def base(folder: Path, *, trials: int, steps: int, modules: int) -> dict[str, Any]:
    """The configuration that is searched around, on sources of the standard library."""
    rows = folder / "rows.jsonl"
    texts = [module.text for module in read_modules(Path(sysconfig.get_path("stdlib")))[:modules]]
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return {
        "model_config": MODEL,
        "tokenizer": {"train": {"vocab_size": 512}},
        "data_config": {"train": str(rows), "validation": 0.1, "seq_length": 128, "workers": 1},
        "training_config": {
            "lr": 3e-4,
            "batch_size": 4,
            "max_steps": steps,
            "warmup_steps": 2,
            "fp16": False,
            "bf16": False,
            "threads": 1,
            "trackers": [],
        },
        "search": {
            "name": "study",
            "metric": "loss",
            "trials": trials,
            "parameters": {"lr": {"low": 3e-5, "high": 3e-2, "log": True}, "batch_size": [2, 4, 8]},
        },
        "output_dir": str(folder),
    }


def trained(folder: Path, trial: TrialRecord) -> Run:
    """The run of a trial, from its first step to its end, in another folder."""
    config = Run(folder / "runs" / trial.run).read_config()
    changed = config | {"output_dir": str(folder / "anew")}
    return Trainer.from_config(resolve_config(changed)).fit()


def weights(run: Run) -> str:
    return hashlib.sha256((run.last / "model.safetensors").read_bytes()).hexdigest()


def in_full(folder: Path, result: SearchResult) -> InFull:
    """Train each trial to its end from its first step; the finished ones must be what the search made."""
    values = {}
    for trial in result.trials:
        run = trained(folder, trial)
        values[trial.number] = float(run.metrics()[-1]["eval/loss"])
        if trial.status == "finished":
            same = weights(run) == weights(Run(folder / "runs" / trial.run))
            assert same, f"trial {trial.number} is not what it is when trained in one go"
    return InFull(values)


def section(result: SearchResult, whole: InFull, about: str) -> str:
    """The tables, as markdown."""
    count, ended = len(result.trials), sum(trial.status == "finished" for trial in result.trials)
    base_loss = whole.values[0]
    rungs = ", ".join(map(str, result.trials[0].steps))
    rows = [
        ("each trial to its end, from its first step", result.tokens_in_full, whole.values[whole.best]),
        ("halving, each rung from the first step", result.tokens_anew, result.value),
        ("halving, on from the checkpoint (Brahma)", result.tokens, result.value),
    ]
    ways = table(
        ("way", "tokens", "share", "best eval loss"),
        [(way, f"{n:,}", f"{n / result.tokens_in_full:.2f}", f"{loss:.4f}") for way, n, loss in rows],
    )
    share = result.tokens / result.tokens_in_full
    same = result.value <= whole.values[whole.best]
    targets = table(
        ("what", "target", "measured"),
        [
            ("tokens, to those of starting each trial anew", "≤ 0.5", f"{share:.2f}"),
            ("the best trial of all is found", "yes", "yes" if same else "no"),
            (
                "tokens, to those of the same rungs trained anew",
                "",
                f"{result.tokens / result.tokens_anew:.2f}",
            ),
        ],
    )
    return "\n\n".join(
        [
            "## What a search costs",
            f"{count} trials over lr and batch_size of a model of 2 layers, 64 wide. The base configuration "
            f"is compared after {rungs} steps; trained to their end: {ended}. "
            "Tokens are supervised ones, and do not depend on the load of the machine.",
            about,
            ways,
            targets,
            f"The base configuration comes to {base_loss:.4f}. The weights of each trial that the search "
            "trained to its end are those of the trial trained in one go, byte for byte: this is checked. "
            "What going on saves beside halving with new starts has a limit: with n rungs and a reduction "
            "factor r it takes (1 + (n - 1)(1 - 1/r)) / n of the tokens, 0.78 where both are 3.",
        ]
    )


def main() -> None:
    found = parse_arguments(parser(__doc__ or "", repeats=1), None)
    about = facts(command_line())
    started = time.perf_counter()
    trials, steps, modules = (4, 9, _QUICK_MODULES) if found.quick else (20, 108, _MODULES)
    with tempfile.TemporaryDirectory(prefix="brahma-bench-", dir=found.work) as path:
        folder = Path(path)
        resolved = resolve_config(base(folder, trials=trials, steps=steps, modules=modules))
        result = Search(resolved).run()
        text = section(result, in_full(folder, result), about)
    print(f"\n{text}\n\n{time.perf_counter() - started:.0f} s in all")
    if found.write:
        write_section(found.write, SECTION, text)
        print(f"written to {found.write}")


if __name__ == "__main__":
    main()
