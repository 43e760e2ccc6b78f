"""What a plugin can bring: one frozen, typed entry for each kind.

An entry's `target` is a string `"package.module:attribute"` that is resolved when the thing is used,
so importing a plugin imports no heavy library. The Protocol or signature that a target must have
stands under each entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Literal

CONTRACT_VERSION = 1
"""Raised when a hook or an entry changes in a way that breaks plugins written for the last one."""


def resolve(target: str) -> Any:
    """Import `"package.module:attribute"` and return the attribute.

    Raises:
        ImportError: the module cannot be imported.
        AttributeError: the module has no such attribute.
    """
    module, _, attribute = target.partition(":")
    value: Any = import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What all kinds share.

    Attributes:
        name: what a configuration or a command line calls it.
        target: `"package.module:attribute"`, resolved on use.
        summary: one line for lists and help.
        options: `"package.module:Model"`, a `brahma.core.config.Section` that checks the options given
            beside the name; None when it takes none.
    """

    kind: ClassVar[str]
    name: str
    target: str
    summary: str = ""
    options: str | None = None

    def load(self) -> Any:
        """The thing itself."""
        return resolve(self.target)


@dataclass(frozen=True, kw_only=True)
class OptimizerEntry(Entry):
    """target: `(groups: list[ParameterGroup], training: TrainingSection, options) -> Optimizer` of torch.

    A group is `{"params": [...], "names": [...], "roles": [...], "weight_decay": float, "lr_ratio": float}`;
    a role is `embedding`, `head`, `norm` or empty. Its `lr` is set before each step. A checkpoint keeps
    tensors and numbers of `state`, and numbers of groups that change.

    Attributes:
        state_bytes: what it keeps for each trained parameter; estimates of memory go by it. AdamW's two
            float32 moments are 8.
    """

    kind: ClassVar[str] = "optimizer"
    state_bytes: float = 8.0


@dataclass(frozen=True, kw_only=True)
class ScheduleEntry(Entry):
    """target: `(progress: float, options) -> float`: the factor on `lr` after the warm-up.

    `progress` runs from 0 (end of the warm-up) to 1 (last step). Pure: the rate depends on the step alone.
    """

    kind: ClassVar[str] = "schedule"


@dataclass(frozen=True, kw_only=True)
class QuantizedFormat:
    """One way in which a quantizer stores weights.

    Attributes:
        type: what `quantization.type` calls it: `nf4`, `fp4`, `int8`, …
        bits: of a weight.
        group_sizes: numbers of neighbouring weights of a row that may share a scale; empty: only whole rows.
        devices: where it runs: `cpu`, `cuda`.
        double_quantization: whether the scales may be quantized themselves.
    """

    type: str
    bits: int
    group_sizes: tuple[int, ...] = ()
    devices: tuple[str, ...] = ("cpu", "cuda")
    double_quantization: bool = False


@dataclass(frozen=True, kw_only=True)
class QuantizerEntry(Entry):
    """target: `(settings: QuantizedLayers, options) -> Quantizer`, of `brahma.core.models.quantization`.

    Attributes:
        formats: what it can do; a device or group size that it does not name is refused before loading.
    """

    kind: ClassVar[str] = "quantizer"
    formats: tuple[QuantizedFormat, ...]


@dataclass(frozen=True, kw_only=True)
class BackendEntry(Entry):
    """target: a class that implements `brahma.train.backends.Backend`.

    Attributes:
        several: it joins several processes, found by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT.
    """

    kind: ClassVar[str] = "backend"
    several: bool = False


@dataclass(frozen=True, kw_only=True)
class ReaderEntry(Entry):
    """target: `(path: Path, options: ReadOptions) -> Iterator[RawRow]` of `brahma.data.readers`.

    Attributes:
        suffixes: endings of the files that it reads.
        sample: what stands in a tiny file of the format, of several rows; `brahma plugins test` reads it.
    """

    kind: ClassVar[str] = "reader"
    suffixes: tuple[str, ...]
    sample: str | bytes = ""


@dataclass(frozen=True, kw_only=True)
class FilterEntry(Entry):
    """A step of a cleaning. target: `(options) -> TextStep`, in scope `corpus` `(options) -> CorpusStep`.

    A TextStep is `Callable[[str], Verdict]`: True keeps a text, a string says why not; it may also return
    `Dropped(reason, detail)`, `Rewritten(text, counts)` or `Counted(counts)` of
    `brahma.data.cleaning.contract`.

    Attributes:
        scope: what it sees: each `text` of a row alone, the whole `document`, or the `corpus`.
    """

    kind: ClassVar[str] = "filter"
    scope: Literal["text", "document", "corpus"] = "document"


@dataclass(frozen=True, kw_only=True)
class AugmenterEntry(Entry):
    """A technique that makes variants of texts. target: `(options, seed: int) -> Augmenter`.

    See `brahma.data.augmentation.contract`. An option called `engine` is what `--engine` sets. The target
    raises MissingDependencyError when what it needs is not installed, with the command that installs it.
    """

    kind: ClassVar[str] = "augmenter"


@dataclass(frozen=True, kw_only=True)
class TaskEntry(Entry):
    """target: `(evaluator: Evaluator, options) -> dict[str, float]`: a named evaluation."""

    kind: ClassVar[str] = "task"


@dataclass(frozen=True, kw_only=True)
class MetricEntry(Entry):
    """target: of totals, `(totals: LossTotals) -> float`; of answers, `(answers: Sequence[Answer]) -> float`.

    LossTotals hold the summed loss, tokens and bytes of an evaluation. NaN where they do not tell, such as of
    no token or no byte: it raises nothing.

    An Answer (`brahma.evaluation.custom.answers`) holds what the model wrote and at least one reference.
    Their order means nothing. The metric is asked of each answer alone, too; one whose value is not the mean
    of these is asked of 100 resamples besides, for its standard error.

    Attributes:
        of: `totals` are computed in every evaluation, `answers` where the metric is asked for by name.
        higher_is_better: which way it improves, where the best checkpoint of a run is chosen by it.
    """

    kind: ClassVar[str] = "metric"
    of: Literal["totals", "answers"] = "totals"
    higher_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class TrackerEntry(Entry):
    """target: `(run_directory: Path, config: Config, options) -> Tracker` of `brahma.train.trackers`."""

    kind: ClassVar[str] = "tracker"


@dataclass(frozen=True, kw_only=True)
class ExecutorEntry(Entry):
    """Where data work runs. target: `(options) -> Executor`, of `brahma.data.cleaning.executors`."""

    kind: ClassVar[str] = "executor"


@dataclass(frozen=True, kw_only=True)
class SamplerEntry(Entry):
    """Chooses the values of a search's next trial. target: `(seed: int, options) -> BaseSampler` of optuna.

    It is made anew for each trial, with a seed of the trial's own, and asked once, on a study that holds all
    trials before: paused and stopped ones as PRUNED with the values they had, failed ones as PRUNED without.
    What it keeps in itself or in the study is gone afterwards: everything follows from seed and trials.

    Attributes:
        finite: it needs a space whose parameters have finitely many values each.
    """

    kind: ClassVar[str] = "sampler"
    finite: bool = False


@dataclass(frozen=True, kw_only=True)
class ObjectiveEntry(Entry):
    """What a search may optimise beside metrics. target: `(run: Run, options) -> float`.

    The run has trained as far as it goes, or to where it is compared with others; its files tell all. NaN
    where they do not, such as of a run without an evaluation.

    Attributes:
        direction: whether less or more is better.
    """

    kind: ClassVar[str] = "objective"
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True, kw_only=True)
class CommandEntry(Entry):
    """target: a `click.Command`. A name of two words (`"runs list"`) makes a command of a group."""

    kind: ClassVar[str] = "command"
