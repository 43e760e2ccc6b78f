"""One process's go at a run: from its start or its newest checkpoint to its end."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from brahma.core.config import ResolvedConfig
from brahma.core.config.choices import place_of
from brahma.core.devices import measure_matrix_rate
from brahma.core.environment import describe_environment
from brahma.core.error_text import first_line
from brahma.core.errors import BrahmaError, ResumeError, RunError
from brahma.core.models.forward import decoder_of
from brahma.core.plugins import get_plugins
from brahma.core.progress import progress
from brahma.core.runs import RunDirectory, read_metrics, write_json
from brahma.core.sizes import duration
from brahma.data.order import ORDER_VERSION
from brahma.data.packs import Packs
from brahma.data.prepare import PreparedData
from brahma.train import preparing
from brahma.train.adapting import check_base_and_adapters, quantized_as_before
from brahma.train.backends import Backend, choose_backend
from brahma.train.checkpoints import CheckpointWriter, load_tensors, newest_valid, sweep
from brahma.train.estimate import Job, job_of, shape_from, shape_of
from brahma.train.groups import parameter_groups
from brahma.train.guarding import GuardedOptimizer, make_optimizer, make_schedule
from brahma.train.host import keep_freed_memory, set_threads
from brahma.train.interrupts import Interrupts
from brahma.train.loop import Stepper
from brahma.train.measuring import BY_THE_LOSS, Measuring
from brahma.train.memory import out_of_memory, tight_memory
from brahma.train.monitor import (
    Convergence,
    Display,
    LossWatch,
    MetricsWriter,
    Notice,
    SystemSampler,
    TimeAccount,
    check_amount,
    check_schedule,
    model_flops_per_token,
    open_display,
    open_run_log,
    rewind,
)
from brahma.train.optimizer_state import load_optimizer_tensors
from brahma.train.parameters import NamedParameters
from brahma.train.plan import Plan, make_plan
from brahma.train.precision import LossScaler, Precision, choose_precision
from brahma.train.progress import Progress
from brahma.train.schedules import LearningRate
from brahma.train.session import Ending, Session
from brahma.train.sources import Sources
from brahma.train.stored import Stored
from brahma.train.task_names import check_task_data
from brahma.train.tasks import Tasks
from brahma.train.trackers import open_trackers
from brahma.train.trial import steps_that_fit
from brahma.train.weights import MasterWeights

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """What training needs, loaded.

    Attributes:
        stored: what a checkpoint keeps of the model.
        job: what decides the memory that training takes.
        state: `trainer_state.json` of the checkpoint that is gone on from; empty at a start.
    """

    backend: Backend
    precision: Precision
    data: PreparedData
    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    stored: Stored
    job: Job
    state: dict[str, Any]
    threads: int


class Attempt:
    """Prepares and trains. The caller holds the run's lock.

    Args:
        resolved: the configuration.
        sources: model and rows that it describes.
        directory: of the run.
        until_step: pause after this step.
    """

    def __init__(
        self,
        resolved: ResolvedConfig,
        sources: Sources,
        directory: RunDirectory,
        until_step: int | None = None,
    ) -> None:
        self._resolved = resolved
        self._config = resolved.config
        self._sources = sources
        self._directory = directory
        self._until_step = until_step
        self._interrupts = Interrupts()

    def run(self, notices: Sequence[str] = ()) -> None:
        """To the end of the run; `notices` are said first. See `Trainer.fit` for what it raises."""
        transformers_logging.disable_progress_bar()
        keep_freed_memory()
        with ExitStack() as stack:
            display = stack.enter_context(open_display())
            stack.enter_context(open_run_log(self._directory.log, display.warn))
            stack.enter_context(self._recorded())
            display.note(f"run {self._directory.name}: {self._directory.root}")
            for notice in notices:
                _log.warning("%s", notice)
            ending = self._train(display, stack)
            self._directory.update_state(status=ending.status, message=ending.message)

    @contextmanager
    def _recorded(self) -> Iterator[None]:
        """Write into the run's state and log how the attempt ended, if it did not end well."""
        try:
            yield
        except BrahmaError as error:
            _log.exception("the run stopped")
            self._tell(status="failed", message=first_line(error))
            raise
        except (KeyboardInterrupt, SystemExit):
            self._tell(status="interrupted")
            raise
        except BaseException as error:
            _log.exception("the run failed: this is a bug")
            self._tell(status="failed", message=f"{type(error).__name__}: {error}")
            raise

    def _tell(self, **changes: Any) -> None:
        """Update the run's state; that it cannot be written must not hide the error that is on its way."""
        try:
            self._directory.update_state(**changes)
        except RunError:
            _log.error("beside the error that ended the run", exc_info=True)

    def _train(self, display: Display, stack: ExitStack) -> Ending:
        sweep(self._directory.checkpoints)

        def damaged(error: BrahmaError) -> None:
            _log.warning("a damaged checkpoint is passed over. %s: %s", error.where, error.why)

        found = newest_valid(self._directory.checkpoints, damaged)
        if found is not None:
            _check_versions(found[0], found[1])
            _tell_of_other_plugins(self._directory.environment)
        check_base_and_adapters(self._config, self._sources.spec, found[0] if found else None)
        if found is not None:
            self._config = quantized_as_before(self._config, found[0])
        parts = self._load(found[1] if found else {}, display)
        stack.callback(parts.backend.close)
        with out_of_memory(parts.job, self._config):
            progress = Progress()
            if found is not None:
                stepper = self._stepper(parts)
                _restore(found[0], stepper, parts.stored)
                stepper.scaler.load_state_dict(parts.state["scaler"])
                progress.load(parts.state)
                display.note(f"going on from {found[0].name}")
            else:
                state = self._directory.read_state()
                if state is not None and state.status in ("failed", "interrupted"):
                    display.note(f"{self._directory.name} has no checkpoint yet: it begins at its first step")
                stepper = self._new_stepper(parts, display)
            return self._run_session(stepper, parts, progress, display, stack)

    def _load(self, state: dict[str, Any], display: Display) -> Parts:
        config, training = self._config, self._config.training
        threads = set_threads(training.threads or state.get("threads"))
        backend: Backend = get_plugins().load(
            "backend", choose_backend(training.backend.name), "training_config.backend"
        )()
        if state:
            precision = Precision(state["precision"], "as the run began")
        else:
            with progress("measuring this machine"):
                precision = choose_precision(training, backend.device)
        display.note(f"training in {precision.name}: {precision.reason}")
        shape = shape_of(self._sources.spec, config)
        job = job_of(config, shape, precision=precision.name, device=backend.device.type)
        _say(tight_memory(job, config))
        if not state:
            check_task_data(self._resolved)
        tokenizer = preparing.open_tokenizer(config, self._sources, self._directory)
        data = preparing.open_data(config, self._sources, tokenizer, self._directory)
        with out_of_memory(job, config):
            model, stored = preparing.open_model(
                self._sources.spec, config, tokenizer, precision.dtype, backend.device
            )
        job = _loaded(job, model)
        write_json(self._directory.environment, describe_environment(threads=threads))
        return Parts(backend, precision, data, tokenizer, model, stored, job, state, threads)

    def _new_stepper(self, parts: Parts, display: Display) -> Stepper:
        """The stepper of a run that starts; its length may be asked for in minutes."""
        minutes = self._config.training.max_minutes
        stepper = self._stepper(parts)
        if minutes is None:
            return stepper
        kept = self._directory.root / "plan.json"  # a kill before the first checkpoint changes nothing
        if kept.exists():
            steps = int(json.loads(kept.read_text())["total_steps"])
        else:
            with progress("timing a few steps"):
                steps = steps_that_fit(stepper, minutes)
            write_json(kept, {"total_steps": steps})
        display.note(f"about {steps:,} steps fit into {duration(60 * minutes)}")
        return self._stepper(replace(parts, state={"total_steps": steps}))

    def _stepper(self, parts: Parts) -> Stepper:
        training = self._config.training
        plan = make_plan(
            training,
            parts.data.train,
            world_size=parts.backend.world_size,
            global_batch_size=parts.state.get("global_batch_size"),
            total_steps=parts.state.get("total_steps"),
        )
        weights = MasterWeights(parts.model)
        decoder: Callable[..., Any] = decoder_of(parts.model)
        return Stepper(
            model=parts.model,
            decoder=torch.compile(decoder) if training.compile else decoder,
            weights=weights,
            optimizer=self._optimizer(weights, parts.model),
            learning_rate=self._learning_rate(plan),
            plan=plan,
            backend=parts.backend,
            clock=TimeAccount(),
            watch=LossWatch(lambda step: plan.rows(step - 1), parts.precision.name),
            max_grad_norm=training.max_grad_norm,
            seed=training.seed,
            scaler=LossScaler(enabled=parts.precision.name == "fp16"),
            pad=training.compile,
        )

    def _optimizer(self, weights: MasterWeights, model: PreTrainedModel) -> GuardedOptimizer:
        training, lora = self._config.training, self._config.lora
        groups = parameter_groups(
            weights.named_masters(),
            weight_decay=training.weight_decay,
            parameters=NamedParameters(model),
            rules=training.parameter_groups or (),
            b_ratio=1.0 if lora is None else lora.lr_ratio,
        )
        return make_optimizer(training, groups, weights)

    def _learning_rate(self, plan: Plan) -> LearningRate:
        training = self._config.training
        schedule, options = make_schedule(training)
        return LearningRate(
            training.lr,
            warmup_steps=training.warmup_steps,
            total_steps=plan.total_steps,
            schedule=schedule,
            options=options,
        )

    def _run_session(
        self, stepper: Stepper, parts: Parts, progress: Progress, display: Display, stack: ExitStack
    ) -> Ending:
        config, training, directory = self._config, self._config.training, self._directory
        if not progress.step:
            _say(self._first_notices(stepper.plan, parts))
        attempt = _next_attempt(directory)
        rewind(directory.metrics, progress.step)
        trackers = open_trackers(training.trackers, directory.root, config)
        metrics = stack.enter_context(MetricsWriter(directory.metrics, attempt, trackers))
        system = stack.enter_context(SystemSampler(str(parts.backend.device)))
        writer = CheckpointWriter(directory.checkpoints, keep=training.save_total_limit, saved=display.saved)
        stack.callback(writer.close)
        session = Session(
            config=config,
            directory=directory,
            model=parts.model,
            stepper=stepper,
            measuring=self._measuring(parts),
            progress=progress,
            writer=writer,
            metrics=metrics,
            convergence=self._convergence(stepper.plan, parts),
            display=display,
            system=system,
            interrupts=self._interrupts,
            fixed_state=_fixed_state(stepper, parts, training.compile),
            stored=parts.stored,
            flops_per_token=model_flops_per_token(parts.model, _seen_length(parts.data.train)).causal,
            peak_flops=measure_matrix_rate(parts.precision.dtype, parts.backend.device),
            until_step=self._until_step,
        )
        with self._interrupts.listening():
            return session.run()

    def _measuring(self, parts: Parts) -> Measuring:
        evaluation, batch_size = self._config.evaluation, self._config.training.batch_size
        tasks = None
        if evaluation.task_names:
            place = partial(place_of, self._resolved)
            tasks = Tasks(parts.model, parts.tokenizer, evaluation, batch_size=batch_size, place=place)
        return Measuring(
            parts.model, evaluation, validation=parts.data.validation, tasks=tasks, batch_size=batch_size
        )

    def _first_notices(self, plan: Plan, parts: Parts) -> list[Notice]:
        training, new_model = self._config.training, self._sources.spec.base_model is None
        schedule = check_schedule(
            training.lr,
            training.warmup_steps,
            new_model=new_model,
            adapters=self._config.lora is not None,
        )
        return schedule + check_amount(
            parameters=parts.job.shape.parameters,
            tokens=int(plan.packs.supervised.sum()),
            epochs=plan.total_positions / len(plan.packs),
            new_model=new_model,
            limited=training.max_steps is not None or training.max_minutes is not None,
        )

    def _convergence(self, plan: Plan, parts: Parts) -> Convergence:
        training = self._config.training
        return Convergence(
            total_steps=plan.total_steps,
            warmup_steps=training.warmup_steps,
            vocab_size=parts.job.shape.vocab_size,
            max_grad_norm=training.max_grad_norm,
            keeps_best=self._config.evaluation.metric in BY_THE_LOSS,
        )


def _loaded(job: Job, model: PreTrainedModel) -> Job:
    """The job of a model that is there: what it has and trains is counted, not estimated."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if job.adapters is not None:  # what lies under them is counted already, and bits cannot be
        return replace(job, trained_parameters=trained)
    shape = shape_from(model.config.get_text_config(), model.num_parameters(), job.shape.layers)
    return replace(job, shape=shape, trained_parameters=trained)


def _say(notices: Iterable[Notice]) -> None:
    for notice in notices:
        _log.warning("%s", notice)


def _check_versions(checkpoint: Path, state: dict[str, Any]) -> None:
    """Raises ResumeError where the rest of the run would be another one."""
    if state["order_version"] != ORDER_VERSION:
        raise ResumeError(
            f"the run began with data order {state['order_version']}; this version has {ORDER_VERSION}",
            where=str(checkpoint),
            why="its steps would not see the rows that are left",
            hint="finish it with the version of Brahma that began it, or start a new run",
        )
    if state["torch"] != torch.__version__:
        _log.warning("torch was %s and is %s: the last bits may differ", state["torch"], torch.__version__)


def _tell_of_other_plugins(environment: Path) -> None:
    """Warn of plugins whose version is not the one that the run went with before."""
    try:
        before = json.loads(environment.read_bytes())["plugins"]
        changed = {
            name: (before[name], now)
            for name, now in get_plugins().distributions().items()
            if before.get(name, now) != now
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return  # a damaged note of versions stops no run
    for name, (old, now) in changed.items():
        _log.warning("%s was %s and is %s: where the run uses it, the rest may differ", name, old, now)


def _restore(checkpoint: Path, stepper: Stepper, stored: Stored) -> None:
    """Put the checkpoint's tensors into model and optimizer.

    Raises:
        ResumeError: the checkpoint's weights are not this model's.
    """
    weights, moments = load_tensors(checkpoint)
    if wrong := stored.restore(weights):
        raise ResumeError(
            "the checkpoint's weights have other names than the model's",
            where=str(checkpoint / stored.file),
            why=f"such as {wrong[0]}: another version of transformers may name them so",
            hint="finish the run with the versions that began it: they are in its environment.json",
        )
    load_optimizer_tensors(stepper.optimizer, stepper.weights, moments)


def _fixed_state(stepper: Stepper, parts: Parts, compiled: bool) -> dict[str, Any]:
    return {
        "total_steps": stepper.plan.total_steps,
        "global_batch_size": stepper.plan.global_batch_size,
        "batch_size": stepper.plan.batch_size,
        "world_size": parts.backend.world_size,
        "seed": stepper.seed,
        "precision": parts.precision.name,
        "threads": parts.threads,
        "compile": compiled,
        "torch": torch.__version__,
        "data_fingerprint": parts.data.fingerprint,
    }


def _seen_length(packs: Packs) -> float:
    """Mean length of the segment that a token lies in: what its attention costs."""
    lengths = packs.segments["length"].astype(float)
    return float((lengths**2).sum() / lengths.sum())


def _next_attempt(directory: RunDirectory) -> int:
    rows = [*read_metrics(directory.metrics), *read_metrics(directory.superseded)]
    return 1 + max((row.get("attempt", 0) for row in rows), default=0)
