"""How named tasks are run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from brahma.core.errors import ConfigError

_LM_EVALS_SEEDS = (0, 1234, 1234, 1234)


@dataclass(frozen=True, kw_only=True)
class TaskOptions:
    """How tasks are run.

    Attributes:
        limit: examples of each task, the first ones; None: all.
        num_fewshot: solved examples before each question; None: as each task has it. A task that says 0
            keeps it, as in lm-eval.
        data_dir: where the tasks' data lie; None: the hub, or its cache.
        include_path: a folder with further tasks in lm-eval's YAML.
        allow_code: tasks that may execute what the model writes.
        batch_size: sequences at once, or `auto`.
        chat_template: ask as conversations: in the model's own template, its template of that name, or that
            of a file.
        system_instruction: a system message before each question.
        cache: keep responses, in the folder given, or of True in `brahma/evaluation` of the user's cache.
        log_samples: give each example's record.
        seed: of few-shot examples that are drawn and of texts that are; None: lm-eval's own seeds.

    Raises:
        ConfigError: a number out of its range.
    """

    limit: int | None = None
    num_fewshot: int | None = None
    data_dir: str | Path | None = None
    include_path: str | Path | None = None
    allow_code: tuple[str, ...] = ()
    batch_size: int | Literal["auto"] = "auto"
    chat_template: bool | str = False
    system_instruction: str | None = None
    cache: bool | Path = True
    log_samples: bool = True
    seed: int | None = None

    def __post_init__(self) -> None:
        lowest = (("limit", self.limit, 1), ("num_fewshot", self.num_fewshot, 0), ("seed", self.seed, 0))
        for name, value, least in (*lowest, ("batch_size", self.batch_size, 1)):
            if isinstance(value, int) and value < least:
                raise ConfigError(f"{name} is {value}", hint=f"Give {least} or more, or leave it out")
        if isinstance(self.batch_size, str) and self.batch_size != "auto":
            raise ConfigError(f"batch_size is {self.batch_size!r}", hint='Give a number, or "auto"')

    @property
    def seeds(self) -> tuple[int, int, int, int]:
        """Of Python, numpy, torch, and of few-shot examples."""
        seed = self.seed
        return _LM_EVALS_SEEDS if seed is None else (seed, seed, seed, seed)
