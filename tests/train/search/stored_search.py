"""A search on disk of which nothing was trained: what shows searches reads no more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from brahma.train.search.parameters import Value
from brahma.train.search.ranges import Numbers, Values
from brahma.train.search.storage import FOLDER, Course, Definition, NewTrial, Study

DEFINITION = Definition(
    space={"lr": Numbers(1e-4, 1e-2, log=True), "lora_config.r": Values((4, 8, 16))},
    paths={"lr": "training_config.lr", "lora_config.r": "lora_config.r"},
    metric="loss",
    higher_is_better=False,
    sampler={"name": "tpe"},
    seed=7,
    reduction_factor=3,
    divisors=(9, 3, 1),
    base={"training_config.lr": 1e-3, "lora_config.r": 8},
    data="none",
)
STEPS, TOKENS = (10, 30, 90), (1_000, 3_000, 9_000)


class Stored:
    """A study to which trials are added."""

    def __init__(self, output_dir: Path, name: str = "mine", definition: Definition = DEFINITION) -> None:
        folder = output_dir / FOLDER / name
        folder.mkdir(parents=True)
        self.study = Study(folder, "journal")
        self.study.begin(definition)

    def add(self, lr: float, r: int, *values: float, reason: str = "", waiting: bool = False) -> int:
        """A trial that reached as many rungs as there are values; then it failed, or was left."""
        params: Mapping[str, Value] = {"lr": lr, "lora_config.r": r}
        run = f"{self.study.name}-trial-{len(self.study.trials())}"
        number = self.study.add(NewTrial(params=params, run=run, steps=STEPS, tokens=TOKENS))
        for rung, value in enumerate(values):
            self.study.set_target(number, rung)
            self.study.reach(number, rung, value, last=rung == len(STEPS) - 1)
        if reason:
            self.study.give_up(number, reason, 500)
        elif waiting:
            self.study.set_target(number, len(values))
        return number

    def finish(self, trials: int = 4) -> Study:
        """As a search leaves it at its end."""
        self.study.set_course(Course(trials=trials, max_tokens=None, over=True))
        best = self.study.best()
        if best is not None:
            values = {"lr": best.params["lr"], "max_steps": 90}
            config = {
                "model_config": {"preset": "nano"},
                "tokenizer": {"train": {"vocab_size": 300}},
                "data_config": {"train": "rows.jsonl"},
                "training_config": values,
            }
            self.study.best_file.write_text(json.dumps(config))
        return self.study


def four_trials(output_dir: Path, name: str = "mine") -> Stored:
    """The configuration as given, one that failed, the best, and one that is compared once."""
    stored = Stored(output_dir, name)
    stored.add(1e-3, 8, 5.0, 4.5)
    stored.add(9e-3, 4, reason="the loss is nan\nat step 2")
    stored.add(2e-3, 16, 4.8, 4.2, 3.9)
    stored.add(5e-4, 4, 5.5)
    return stored


def many_trials(output_dir: Path, lrs: Sequence[float]) -> Stored:
    """Trials of which the learning rate decides alone."""
    stored = Stored(output_dir)
    for number, lr in enumerate(lrs):
        stored.add(lr, (4, 8, 16)[number % 3], 5.0 - 100 * lr)
    return stored
