"""One attempt of a run: steps, and what happens between them: logging, evaluation, checkpoints, stopping."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.config import Config
from brahma.core.config.sections import EVAL_STEPS
from brahma.core.errors import RunError
from brahma.core.runs import Run, RunDirectory, Status, write_json
from brahma.data.order import ORDER_VERSION
from brahma.train.checkpoints import CheckpointWriter, Snapshot, disk_is_full
from brahma.train.circumstances import circumstances_of
from brahma.train.interrupts import Interrupts
from brahma.train.loop import Stepper, StepResult
from brahma.train.measuring import Measuring
from brahma.train.monitor import Convergence, Display, MetricsWriter, Notice, SystemSampler, TimeReport, mfu
from brahma.train.monitor.report import TELLING
from brahma.train.optimizer_state import optimizer_tensors
from brahma.train.progress import Progress
from brahma.train.selection import Selection
from brahma.train.stored import Stored

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """How an attempt ended that nothing cut short.

    Attributes:
        status: `finished`; `interrupted` where it was paused.
        message: for the run's state.
    """

    status: Status
    message: str = ""


class Session:
    """Runs the steps that are left.

    Args:
        stepper: one step.
        until_step: pause after this step; None: to the end.
        measuring: what an evaluation measures.
        fixed_state: what stands in every `trainer_state.json` of the run besides the progress.
        stored: what a checkpoint keeps of the model.
        flops_per_token, peak_flops: for MFU.
    """

    def __init__(
        self,
        *,
        config: Config,
        directory: RunDirectory,
        model: PreTrainedModel,
        stepper: Stepper,
        measuring: Measuring,
        progress: Progress,
        writer: CheckpointWriter,
        metrics: MetricsWriter,
        convergence: Convergence,
        display: Display,
        system: SystemSampler,
        interrupts: Interrupts,
        fixed_state: dict[str, Any],
        stored: Stored,
        flops_per_token: float,
        peak_flops: float,
        until_step: int | None = None,
    ) -> None:
        self._config = config
        self._training = config.training
        self._directory = directory
        self._model = model
        self._stepper = stepper
        self._clock = stepper.clock
        self._plan = stepper.plan
        self._until = min(until_step or self._plan.total_steps, self._plan.total_steps)
        self._measuring = measuring
        self._selection = Selection(config.evaluation, progress)
        self._progress = progress
        self._writer = writer
        self._metrics = metrics
        self._convergence = convergence
        self._watch = stepper.watch
        self._display = display
        self._system = system
        self._interrupts = interrupts
        self._fixed_state = fixed_state
        self._stored = stored
        self._flops_per_token = flops_per_token
        self._peak_flops = peak_flops
        packs = stepper.plan.packs
        self._computed = packs.ledger.inputs / int(packs.supervised.sum())  # for each supervised token
        self._buffers: dict[str, Tensor] = {}
        self._whole: tuple[int, dict[str, float]] = (
            0,
            {},
        )  # the last evaluation of all there is, and its step
        self._saved_step: int | None = progress.step or None
        self._last_row = (time.perf_counter(), progress.tokens)
        self._said = ""
        self._untold: dict[str, Any] = {}
        told = directory.read_state()
        self._seconds_before = told.seconds if told else 0.0

    def run(self) -> Ending:
        """All steps to the end or the pause, or to the step at which the run was asked to stop.

        Raises:
            KeyboardInterrupt, SystemExit: it was asked to stop; the checkpoint is written.
            BrahmaError: it cannot go on, or a task of its evaluation cannot be run at all.
        """
        progress, total = self._progress, self._plan.total_steps
        started = progress.tokens
        self._tell(status="running", step=progress.step, total_steps=total, message="", **self._best_so_far())
        if not self._is_over:
            with self._clock("evaluation"):
                self._selection.higher_is_better = self._measuring.begin()
        self._display.begin(self._directory.name, progress.step, total)
        while progress.step < self._until and not self._is_over and self._interrupts.signal is None:
            result = self._stepper.step(progress.step)
            progress.add(result)
            self._display.step(progress.step)
            self._after_step(result)
            if self._writer.blocked:
                self._wait_for_room()
        with self._clock("checkpoint"):
            self._writer.wait(self._while_waiting)
        if self._interrupts.signal is not None and (not self._is_over or self._writer.blocked):
            self._stop()
        return self._finish(started) if self._is_over else self._pause()

    def _finish(self, started: int) -> Ending:
        """Say where the time went since `started` tokens, which checkpoint is best, and why it is over."""
        progress = self._progress
        ending = Ending("finished", self._selection.reason if self._stops_early else "")
        self._tell()
        self._display.end()
        if ending.message:
            self._display.note(ending.message)
            _log.info("%s", ending.message)
        report = self._report(progress.tokens - started)
        self._display.note(str(report))
        _log.info("%s", report)
        if self.best_name() is not None:
            folder = self._directory.checkpoints / str(self.best_name())
            best = f"eval {self._selection.metric} {progress.best_value:.3f}"
            self._display.note(f"best checkpoint: {folder} ({best})")
        return ending

    @property
    def _is_over(self) -> bool:
        return self._progress.step == self._plan.total_steps or self._stops_early

    @property
    def _stops_early(self) -> bool:
        return self._progress.step < self._plan.total_steps and self._selection.gives_up

    def _after_step(self, result: StepResult) -> None:
        training, step = self._training, self._progress.step
        if result.skipped and result.tokens:
            _log.info("step %d is skipped: fp16 overflow; loss scale %g", step, self._stepper.scaler.scale)
        elif result.skipped:
            _log.warning("%s", self._watch.skipped(step))
        evaluated: dict[str, float] = {}
        improved = False
        if self._evaluates(step):
            with self._clock("evaluation"):
                evaluated, improved = self._evaluate()
        last = self._is_over
        logs = step % training.logging_steps == 0 or step == 1 or last
        values = self._training_values(result) if logs else {}
        values |= _finite(evaluated)
        if values:
            with self._clock("logging"):
                self._log_row(values, result, logs=logs)
        if step % training.save_steps == 0 or last or improved:
            self.save()

    def _training_values(self, result: StepResult) -> dict[str, float | int | None]:
        return {
            "train/loss": self._progress.close_window(),
            "train/lr": result.lr,
            "train/grad_norm": result.grad_norm,
            "train/tokens": self._progress.tokens,
        }

    def _log_row(self, values: dict[str, Any], result: StepResult, *, logs: bool) -> None:
        step = self._progress.step
        if logs:
            now, tokens = time.perf_counter(), self._progress.tokens
            rate = (tokens - self._last_row[1]) / max(1e-9, now - self._last_row[0])
            self._last_row = (now, tokens)
            values["rate/tokens_per_second"] = rate
            values["rate/mfu"] = self._mfu(rate)
            values |= self._clock.row() | self._system.snapshot()
        for notice in self._notices(values, result):
            _log.warning("%s", notice)
        row = self._metrics.write(step, values)
        self._display.row(row)
        self._tell(step=step, **({"loss": values["train/loss"]} if logs else {}))
        _log.info("%s", _readable(row))

    def _notices(self, values: dict[str, Any], result: StepResult) -> list[Notice]:
        step, loss, evaluated = self._progress.step, values.get("train/loss"), values.get("eval/loss")
        found: list[Notice] = []
        if loss is not None:
            found += self._watch.observe(step, loss, result.grad_norm)
            found += self._convergence.logged(step, loss, result.grad_norm)
        if evaluated is not None:
            found += self._convergence.evaluated(step, evaluated)
        return found

    def _evaluates(self, step: int) -> bool:
        if not self._measuring.has_any:
            return False
        last = step == self._plan.total_steps
        match self._training.evaluation_strategy:
            case "steps":
                return last or step % (self._training.eval_steps or EVAL_STEPS) == 0
            case "epoch":
                return last or self._plan.ends_epoch(step - 1)
            case _:
                return last

    def _evaluate(self) -> tuple[dict[str, float], bool]:
        """What is measured after this step, and whether it is the best so far."""
        number, step = self._progress.evaluations + 1, self._progress.step
        if step == self._plan.total_steps:
            found = self._measuring.whole()
            return found, self._selection.take(found)
        found = self._measuring.between_steps(number)
        improved = self._selection.take(found)
        if self._measuring.is_whole(number):
            self._whole = (step, found)
        elif self._stops_early:
            found |= self._measuring.whole()  # the last row of a run is of all data
        return found, improved

    def save(self) -> None:
        """Write a checkpoint of this step, beside the training if `async_save` is on."""
        if self._saved_step == self._progress.step:
            return
        with self._clock("checkpoint"):
            self._writer.wait(self._while_waiting)
            self._writer.submit(self._snapshot())
            if not self._training.async_save:
                self._writer.wait(self._while_waiting)
        self._saved_step = self._progress.step
        if self.best_name() is not None:
            self._tell(**self._best_so_far())

    def best_name(self) -> str | None:
        """The best checkpoint's folder; None when nothing was evaluated."""
        step = self._progress.best_step
        return None if step is None else f"checkpoint-{step}"

    def _best_so_far(self) -> dict[str, Any]:
        """For the run's state."""
        return {
            "best": self.best_name(),
            "best_loss": self._progress.best_loss,
            "best_metric": self._selection.metric,
            "best_value": self._progress.best_value,
        }

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            step=self._progress.step,
            model=self._copied("model", self._stored.tensors()),
            optimizer=self._copied(
                "optimizer", optimizer_tensors(self._stepper.optimizer, self._stepper.weights)
            ),
            state={
                **self._fixed_state,
                **self._progress.to_dict(),
                "scaler": self._stepper.scaler.state_dict(),
                "order_version": ORDER_VERSION,
            },
            write_rest=self._write_rest,
            best=self.best_name(),
            model_file=self._stored.file,
        )

    def _write_rest(self, folder: Path) -> None:
        """In the writer's thread. A resume needs the rows up to its step: they are on disk before it is."""
        self._metrics.sync()
        self._stored.write_configs(folder)

    def _tell(self, **changes: Any) -> None:
        """Update `state.json`, now or with the next change: a full disk does not stop the run for it."""
        spent = self._seconds_before + sum(self._clock.totals().values())
        self._untold |= changes | {"seconds": round(spent, 3)}
        try:
            self._directory.update_state(**self._untold)
        except RunError as error:
            if not disk_is_full(error.__cause__):
                raise
            _log.warning("%s", error)
        else:
            self._untold = {}

    def _copied(self, kind: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copies in memory that is kept for the next time; the writer has finished with them by then."""
        if not self._training.async_save:
            return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        copies = {}
        for name, tensor in tensors.items():
            buffer = self._buffers.get(f"{kind}/{name}")
            if buffer is None:
                buffer = torch.empty_like(
                    tensor, device="cpu", memory_format=torch.contiguous_format, requires_grad=False
                )
                self._buffers[f"{kind}/{name}"] = buffer
            copies[name] = buffer.copy_(tensor.detach())
        return copies

    def _pause(self) -> Ending:
        """Save, measure, and leave the rest of the steps to a resume.

        What is measured goes beside the metrics and decides nothing of the run, which goes on as if it had
        not been paused.
        """
        step = self._progress.step
        self.save()
        with self._clock("checkpoint"):
            self._writer.wait(self._while_waiting)
        if self._interrupts.signal is not None:
            self._stop()
        with self._clock("evaluation"):
            figures = self._whole[1] if self._whole[0] == step else self._measuring.whole()
        noted = {**Run(self._directory).pauses, step: figures}
        write_json(self._directory.pauses, {str(step): noted[step] for step in sorted(noted)})
        ending = Ending("interrupted", f"paused at step {step}")
        self._tell(status=ending.status, step=step, message=ending.message)
        self._display.end()
        self._display.note(f"{ending.message} of {self._plan.total_steps}; --resume auto goes on from there")
        _log.info("%s  %s", ending.message, _readable(_finite(figures)))
        self._interrupts.leave()
        return ending

    def _stop(self) -> None:
        assert self._interrupts.signal is not None
        name = self._interrupts.signal.name
        self._display.note(f"{name} received: saving a checkpoint at step {self._progress.step}")
        _log.info("%s received at step %d", name, self._progress.step)
        if self._progress.step > 0:
            self.save()
            with self._clock("checkpoint"):
                self._writer.wait(self._while_waiting)
        self._tell(status="interrupted", step=self._progress.step, message=f"stopped by {name}")
        self._display.end()
        if self._writer.blocked:
            _log.warning("checkpoint %d is not saved: the disk is full", self._progress.step)
        self._display.note("the same command with --resume auto goes on from the newest checkpoint")
        self._interrupts.leave()

    def _wait_for_room(self) -> None:
        with self._clock("checkpoint"):
            self._writer.wait(self._while_waiting)

    def _while_waiting(self) -> None:
        """Say once why the run waits; a request to stop ends the waiting."""
        blocked = self._writer.blocked
        if blocked is None:
            return
        if self._said != blocked:
            self._said = blocked
            _log.warning("%s", blocked)
        if self._interrupts.signal is not None:
            self._writer.give_up()

    def _report(self, tokens: int) -> TimeReport:
        seconds = self._clock.totals()
        wall = sum(seconds.values())
        if wall < TELLING:
            return TimeReport(seconds, tokens)
        precision, device = self._fixed_state["precision"], self._stepper.backend.device
        facts = circumstances_of(self._config, self._plan.packs, precision, device)
        return TimeReport(seconds, tokens, self._mfu(tokens / wall), facts)

    def _mfu(self, rate: float) -> float | None:
        """Of so many supervised tokens a second; None where the matrix rate was measured too low to tell."""
        found = mfu(rate * self._computed, self._flops_per_token, self._peak_flops)
        return found if found <= 1 else None


def _finite(values: Mapping[str, float]) -> dict[str, Any]:
    """For a row of metrics, where None is left out."""
    return {key: _number(value) for key, value in values.items()}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _readable(row: Mapping[str, Any]) -> str:
    """A row of metrics for the log, whose lines have the time; `metrics.jsonl` has every digit."""
    return "  ".join(
        f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.items()
        if key != "time"
    )
