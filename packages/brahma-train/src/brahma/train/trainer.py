"""`Trainer`: from a model and data to a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from brahma.core.config import Config, ResolvedConfig, load_config, resolve_config, sectioned
from brahma.core.config.choices import check_choices
from brahma.core.config.files import check_files
from brahma.core.errors import ConfigError, RunError
from brahma.core.presets import PRESETS
from brahma.core.progress import progress
from brahma.core.runs import Run, RunDirectory, create_run, latest_run
from brahma.core.spec import ModelSpec
from brahma.data import Dataset
from brahma.data.dataset import Data
from brahma.data.rows import ROWS_IN_MEMORY
from brahma.train.options import TrainerOptions, plain
from brahma.train.pinned import pin_configuration
from brahma.train.sources import Sources, open_dataset, open_validation
from brahma.train.task_names import check_task_names

Resume = Literal["never", "auto"]


class Trainer:
    """Trains a model on data; `fit` gives the run.

    Args:
        model: what to train: a specification, the keys of `model_config`, or the path or hub id of a base
            model.
        data: rows, or paths of them, as `Dataset.of` takes them.
        validation: a fraction of whole documents to hold out, rows, or paths of them.
        tokenizer: path or hub id, or `{"train": {...}}`. None: the base model's own, or for a new model one
            that is trained on the data.
        run_name: of the folder in `runs/`; None: `run-1`, `run-2`, …
        output_dir: where `runs/`, `logs/` and `data/` are made.
        options: the keys of `training_config`, and those of `data_config` that shape packs; `lora_config` and
            `quantization` as in a file, or True for their defaults.

    Raises:
        ConfigError: with all mistakes in the options.
        DataError: the data cannot be read.
    """

    def __init__(
        self,
        model: ModelSpec | str | Path | Mapping[str, Any],
        data: Data,
        *,
        validation: Data | float | None = None,
        tokenizer: str | Path | Mapping[str, Any] | None = None,
        run_name: str | None = None,
        output_dir: str | Path = ".",
        **options: Unpack[TrainerOptions],
    ) -> None:
        self._spec = _specification(model)
        self._rows = Dataset.of(data)
        self._validation = (
            validation if validation is None or isinstance(validation, float) else Dataset.of(validation)
        )
        mapping = sectioned(options)
        mapping |= {key: plain(mapping[key]) for key in ("lora_config", "quantization") if key in mapping}
        mapping["model_config"] = _model_keys(self._spec)
        mapping["data_config"] = mapping.get("data_config", {}) | _data_keys(self._rows, self._validation)
        mapping["output_dir"] = str(Path(output_dir).absolute())
        if run_name is not None:
            mapping["run_name"] = run_name
        if tokenizer is not None:
            mapping["tokenizer"] = (
                dict(tokenizer) if isinstance(tokenizer, Mapping) else {"path": str(tokenizer)}
            )
        elif self._spec.base_model is None:
            mapping["tokenizer"] = {"train": _vocabulary(self._spec)}
        self._resolved = resolve_config(mapping)
        self._stem = "run"

    @classmethod
    def from_config(cls, config: ResolvedConfig | str | Path) -> Trainer:
        """The trainer that a configuration, or its file, describes.

        Raises:
            ConfigError: with all mistakes in the file, or all files that are not there.
        """
        resolved = config if isinstance(config, ResolvedConfig) else load_config(config)
        check_files(resolved)
        trainer = cls.__new__(cls)
        trainer._resolved = resolved
        trainer._spec = ModelSpec.from_section(resolved.config.model)
        trainer._rows = open_dataset(resolved.config)
        trainer._validation = open_validation(resolved.config, trainer._rows)
        trainer._stem = resolved.source.stem if resolved.source is not None else "run"
        return trainer

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self._resolved.config

    @property
    def data(self) -> Dataset:
        """The rows to train on."""
        return self._rows

    def fit(self, *, resume: Resume | str | Path = "never", until_step: int | None = None) -> Run:
        """Train to the end, or to a pause.

        Args:
            resume: `never` starts a new run; `auto` goes on with the run of this name (or the newest of this
                default name) if there is one, and starts one if not; a path or name goes on with that run.
                A run that is finished is returned as it is.
            until_step: pause when this step (from 1) is done, with a checkpoint; the learning rate and the
                order of the data are those of the whole length. The status is then `interrupted`, and
                `Run.pauses[until_step]` holds what was measured there: all validation data and all tasks.
                To resume the run gives the metrics and the weights, bit for bit, of one that was never
                paused. None, or a step past the end: train to the end. A run that has paused there, or has
                gone past it, is returned as it is.

        Raises:
            BrahmaError: what is wrong, where and what to do; nothing that was saved is lost.
            KeyboardInterrupt, SystemExit: it was asked to stop; a checkpoint is written.
        """
        if until_step is not None and until_step < 1:
            raise ConfigError(
                "the first step is 1", where=f"until_step {until_step}", hint="a step from 1 on"
            )
        check_choices(self._resolved)
        check_task_names(self._resolved)
        with progress("loading torch and transformers"):
            from brahma.train.attempt import Attempt
            from brahma.train.backends import choose_backend
        from brahma.train.memory import refuse_too_large
        from brahma.train.monitor import open_display

        refuse_too_large(self._spec, self.config, choose_backend(self.config.training.backend.name))
        directory = self._claim(resume)
        with directory.lock():
            changed = pin_configuration(directory, self._resolved)
            if done := _nothing_left(directory, until_step):
                with open_display() as display:
                    display.note(done)
            else:
                notices = [
                    f"{key} has changed since the run began: the last bits may differ" for key in changed
                ]
                sources = Sources(self._spec, self._rows, self._validation)
                Attempt(self._resolved, sources, directory, until_step).run(notices)
        return Run(directory)

    if not TYPE_CHECKING:  # a checker knows the attributes, and should miss the others

        def __getattr__(self, name: str) -> Any:
            hint = "; fit() trains" if name == "train" else ""
            raise AttributeError(f"a Trainer has no {name!r}{hint}", name=name, obj=self)

    def _claim(self, resume: Resume | str | Path) -> RunDirectory:
        output_dir, name = Path(self.config.output_dir), self.config.run_name
        if resume == "never":
            return create_run(output_dir, name, self._stem)
        if resume != "auto":
            return _open(resume, output_dir).paths
        if name is None:
            return latest_run(output_dir, self._stem) or create_run(output_dir, None, self._stem)
        found = RunDirectory(output_dir.absolute() / "runs" / name)
        return found if found.read_state() is not None else create_run(output_dir, name, self._stem)

    def __repr__(self) -> str:
        """Model, data, the settings that matter most, and where it will write."""
        lines = [repr(self._spec), repr(self._rows)]
        if self._validation is not None:
            lines.append(f"validation={self._validation!r}")
        lines += self._adapters()
        lines.append(", ".join(f"{key}={value!r}" for key, value in self._settings()))
        name = self.config.run_name or f"{self._stem}-<number>"
        lines.append(f"writes {Path(self.config.output_dir).absolute() / 'runs' / name}")
        return "Trainer(\n  " + ",\n  ".join(lines) + "\n)"

    def _adapters(self) -> Iterator[str]:
        """What of `lora_config` and `quantization` was chosen; nothing where all weights are trained."""
        for key, section in (("lora_config", self.config.lora), ("quantization", self.config.quantization)):
            if section is not None:
                yield f"{key}={section.model_dump(exclude_defaults=True)!r}"

    def _settings(self) -> Iterator[tuple[str, object]]:
        """What most decides a run: its length, and the sizes and rate of a step."""
        training = self.config.training
        limits = ("max_steps", "max_minutes", "epochs")
        length = next(key for key in limits if getattr(training, key) is not None)
        for key in (length, "lr", "batch_size"):
            yield key, getattr(training, key)
        if training.gradient_accumulation_steps > 1:
            yield "gradient_accumulation_steps", training.gradient_accumulation_steps
        yield "seq_length", self.config.data.seq_length


def _nothing_left(directory: RunDirectory, until_step: int | None) -> str:
    """Why a run has nothing left to do; empty where it has."""
    state, run = directory.read_state(), Run(directory)
    if state is not None and state.status == "finished":
        why = f" ({state.message})" if state.message else ""
        return f"run {directory.name} is finished at step {state.step}: nothing is left to do{why}"
    steps = [int(folder.name.removeprefix("checkpoint-")) for folder in run.checkpoints]
    if until_step is None or not steps or steps[-1] < until_step:
        return ""
    if steps[-1] == until_step and until_step not in run.pauses:
        return ""
    return f"run {directory.name} is at step {steps[-1]} already: nothing is left to do until {until_step}"


def _specification(model: ModelSpec | str | Path | Mapping[str, Any]) -> ModelSpec:
    if isinstance(model, Mapping):
        return ModelSpec.from_config(model)
    return model if isinstance(model, ModelSpec) else ModelSpec.from_pretrained(model)


def _open(resume: str | Path, output_dir: Path) -> Run:
    try:
        return Run.open(resume, output_dir)
    except RunError as error:
        error.where = f"resume {str(resume)!r}"
        error.hint = f"it takes never, auto, or a run of {output_dir / 'runs'}; {error.hint}"
        raise


def _model_keys(spec: ModelSpec) -> dict[str, Any]:
    """The `model_config` that makes this specification again."""
    if spec.architecture is None:
        return {"base_model": spec.base_model, "trust_remote_code": spec.trust_remote_code}
    keys = {key: getattr(spec.architecture, key) for key in sorted(spec.explicit)}
    return {"preset": spec.name} | keys if spec.name in PRESETS else keys


def _data_keys(rows: Dataset, validation: Dataset | float | None) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "train": _paths(rows),
        "format": rows.options.format,
        "text_document": rows.options.text_document,
        "on_bad_row": rows.options.on_bad_row,
    }
    if rows.template is not None:
        keys["template"] = str(rows.template)
    if validation is not None:
        keys["validation"] = _paths(validation) if isinstance(validation, Dataset) else validation
    return keys


def _paths(rows: Dataset) -> list[str]:
    return [str(source) for source in rows.sources] or [str(ROWS_IN_MEMORY)]


def _vocabulary(spec: ModelSpec) -> dict[str, int]:
    if spec.architecture is not None and "vocab_size" in spec.explicit:
        return {"vocab_size": spec.architecture.vocab_size}
    return {}
