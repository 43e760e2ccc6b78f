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
from brahma.data.packs import Packs
from brahma.evaluation.losses import evaluate_packs
from brahma.evaluation.totals import bits_per_byte, loss, perplexity
from brahma.train.checkpoints import CheckpointWriter, Snapshot, disk_is_full
from brahma.train.circumstances import circumstances_of
from brahma.train.interrupts import Interrupts
from brahma.train.loop import Stepper, StepResult
from brahma.train.monitor import Convergence, Display, MetricsWriter, Notice, SystemSampler, TimeReport, mfu
from brahma.train.monitor.report import TELLING
from brahma.train.optimizer_state import optimizer_tensors
from brahma.train.stored import Stored

_log = logging.getLogger(__name__)


class Progress:
    """How far a run is; what `trainer_state.json` keeps of it.

    Attributes:
        step: steps done.
        tokens: supervised tokens trained on.
        window_loss, window_tokens: summed since the last logged row.
        best_loss, best_step: lowest evaluation loss and where it was.
    """

    def __init__(self) -> None:
        self.step = 0
        self.tokens = 0
        self.window_loss = 0.0
        self.window_tokens = 0
        self.best_loss: float | None = None
        self.best_step: int | None = None

    def add(self, result: StepResult) -> None:
        self.step += 1
        self.tokens += result.tokens
        self.window_loss += result.loss_sum
        self.window_tokens += result.tokens

    def close_window(self) -> float | None:
        """Mean loss since the last row; None when nothing was trained on."""
        mean = self.window_loss / self.window_tokens if self.window_tokens else None
        self.window_loss, self.window_tokens = 0.0, 0
        return mean

    def to_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load(self, state: dict[str, Any]) -> None:
        for name in vars(self):
            setattr(self, name, state[name])


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
        validation: packs to evaluate on; None: no evaluation.
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
        validation: Packs | None,
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
        self._max_eval_packs = config.evaluation.max_packs
        self._directory = directory
        self._model = model
        self._stepper = stepper
        self._clock = stepper.clock
        self._plan = stepper.plan
        self._until = min(until_step or self._plan.total_steps, self._plan.total_steps)
        self._validation = validation
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
            TrainingError, CheckpointError: it cannot go on.
        """
        progress, total = self._progress, self._plan.total_steps
        started = progress.tokens
        best = {"best": self.best_name(), "best_loss": progress.best_loss}
        self._tell(status="running", step=progress.step, total_steps=total, message="", **best)
        self._display.begin(self._directory.name, progress.step, total)
        while progress.step < self._until and self._interrupts.signal is None:
            result = self._stepper.step(progress.step)
            progress.add(result)
            self._display.step(progress.step)
            self._after_step(result, last=progress.step == total)
            if self._writer.blocked:
                self._wait_for_room()
        with self._clock("checkpoint"):
            self._writer.wait(self._while_waiting)
        if self._interrupts.signal is not None and (progress.step < total or self._writer.blocked):
            self._stop()
        if progress.step < total:
            return self._pause()
        self._tell()
        self._display.end()
        report = self._report(progress.tokens - started)
        self._display.note(str(report))
        _log.info("%s", report)
        if self.best_name() is not None:
            folder = self._directory.checkpoints / str(self.best_name())
            self._display.note(f"best checkpoint: {folder} (eval loss {progress.best_loss:.3f})")
        return Ending("finished")

    def _after_step(self, result: StepResult, *, last: bool) -> None:
        training, step = self._training, self._progress.step
        if result.skipped and result.tokens:
            _log.info("step %d is skipped: fp16 overflow; loss scale %g", step, self._stepper.scaler.scale)
        elif result.skipped:
            _log.warning("%s", self._watch.skipped(step))
        logs = step % training.logging_steps == 0 or step == 1 or last
        values = self._training_values(result) if logs else {}
        improved = False
        if self._evaluates(step, last=last):
            with self._clock("evaluation"):
                evaluated = self._evaluate(full=last)
            values |= evaluated
            improved = self._is_best(evaluated["eval/loss"])
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

    def _evaluates(self, step: int, *, last: bool) -> bool:
        if self._validation is None:
            return False
        match self._training.evaluation_strategy:
            case "steps":
                return last or step % (self._training.eval_steps or EVAL_STEPS) == 0
            case "epoch":
                return last or self._plan.ends_epoch(step - 1)
            case _:
                return last

    def _evaluate(self, *, full: bool) -> dict[str, float | int | None]:
        assert self._validation is not None
        totals = evaluate_packs(
            self._model,
            self._validation,
            batch_size=self._training.batch_size,
            max_packs=None if full else self._max_eval_packs,
        )
        found = {
            "eval/loss": loss(totals),
            "eval/perplexity": perplexity(totals),
            "eval/bits_per_byte": bits_per_byte(totals),
            "eval/tokens": totals.tokens,
        }
        return {key: value if math.isfinite(value) else None for key, value in found.items()}

    def _is_best(self, found: float | int | None) -> bool:
        progress = self._progress
        if found is None or (progress.best_loss is not None and found >= progress.best_loss):
            return False
        progress.best_loss, progress.best_step = float(found), progress.step
        return True

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
        best = self.best_name()
        if best is not None:
            self._tell(best=best, best_loss=self._progress.best_loss)

    def best_name(self) -> str | None:
        """The best checkpoint's folder; None when nothing was evaluated."""
        step = self._progress.best_step
        return None if step is None else f"checkpoint-{step}"

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
            figures = self._evaluate(full=True) if self._validation is not None else {}
        noted = {**Run(self._directory).pauses, step: figures}
        write_json(self._directory.pauses, {str(step): noted[step] for step in sorted(noted)})
        ending = Ending("interrupted", f"paused at step {step}")
        self._tell(status=ending.status, step=step, message=ending.message)
        self._display.end()
        self._display.note(f"{ending.message} of {self._plan.total_steps}; --resume auto goes on from there")
        _log.info("%s  %s", ending.message, _readable(figures))
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


def _readable(row: Mapping[str, Any]) -> str:
    """A row of metrics for the log, whose lines have the time; `metrics.jsonl` has every digit."""
    return "  ".join(
        f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.items()
        if key != "time"
    )
