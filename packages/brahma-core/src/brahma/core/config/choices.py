"""The things that a configuration chooses by name, held against what is installed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from brahma.core.config.formats import KeyPath
from brahma.core.config.resolve import ResolvedConfig
from brahma.core.entries import BackendEntry, Entry, MetricEntry, QuantizerEntry
from brahma.core.errors import ConfigError, PluginError
from brahma.core.plugins import get_plugins

KINDS: Mapping[KeyPath, str] = {
    ("training_config", "optimizer"): "optimizer",
    ("training_config", "schedule"): "schedule",
    ("training_config", "backend"): "backend",
    ("training_config", "trackers"): "tracker",
    ("quantization", "quantizer"): "quantizer",
    ("search", "sampler"): "sampler",
}
"""The keys that take a name, or names, and the kind of entry that each chooses."""

AUTO = (
    BackendEntry(name="auto", target="builtins:object", summary="the one that fits how the run was started"),
    QuantizerEntry(
        name="auto", target="builtins:object", summary="the first that can do it on this device", formats=()
    ),
)
"""What `"backend": "auto"` and `"quantizer": "auto"` name: no plugin brings them."""


def offers(distributions: Collection[str] | None = None) -> list[Entry]:
    """Everything that a configuration can choose by name, `auto` included; None: of all that is installed."""
    found = (each for each in get_plugins().registrations if each.entry.kind in KINDS.values())
    wanted = (each for each in found if distributions is None or each.distribution in distributions)
    return [*AUTO, *(each.entry for each in wanted)]


def check_choices(resolved: ResolvedConfig) -> None:
    """Refuse what nobody brings of all that is chosen by name, and wrong options, before anything runs.

    Raises:
        PluginError, ConfigError: with the key, and the names that exist.
    """
    training, quantization = resolved.config.training, resolved.config.quantization
    chosen = [
        ("optimizer", training.optimizer, "training_config.optimizer"),
        ("schedule", training.schedule, "training_config.schedule"),
        ("backend", training.backend, "training_config.backend"),
        *(("tracker", each, f"training_config.trackers[{i}]") for i, each in enumerate(training.trackers)),
    ]
    if quantization is not None:
        chosen.append(("quantizer", quantization.quantizer, "quantization.quantizer"))
    if resolved.config.search is not None:
        chosen.append(("sampler", resolved.config.search.sampler, "search.sampler"))
    for kind, choice, key in chosen:
        where = place_of(resolved, key)
        auto = next((each for each in AUTO if (each.kind, each.name) == (kind, choice.name)), None)
        get_plugins().options(auto or get_plugins().find(kind, choice.name, where), choice, where)
    _check_metric(resolved)


def _check_metric(resolved: ResolvedConfig) -> None:
    """That of the validation data; a task's figure is known when the task has been run."""
    evaluation, key = resolved.config.evaluation, "evaluation.metric"
    if evaluation.metric_task is not None:
        return
    try:
        entry = get_plugins().find("metric", evaluation.metric, place_of(resolved, key))
    except PluginError as error:
        error.hint = f"{error.hint}; a task's figure is TASK/FIGURE, such as hellaswag/acc"
        raise
    assert isinstance(entry, MetricEntry)
    if entry.of != "totals":
        raise ConfigError(
            f"{entry.name} is a metric of answers, which no run is measured by",
            where=place_of(resolved, key),
            hint="loss, perplexity, bits_per_byte, or a task's figure such as hellaswag/acc",
        )
    check_direction(
        evaluation.metric,
        entry.higher_is_better,
        evaluation.higher_is_better,
        place_of(resolved, "evaluation.higher_is_better"),
    )


def check_direction(metric: str, known: bool | None, said: bool | None, where: str) -> None:
    """Raises ConfigError where a configuration says that a metric improves the way in which it gets worse."""
    if None in (known, said) or known == said:
        return
    raise ConfigError(
        f"{metric} is better when it is {'higher' if known else 'lower'}",
        where=where,
        why=f"higher_is_better is {str(said).lower()}",
        hint="remove it: the direction follows from the metric",
    )


def place_of(resolved: ResolvedConfig, key: str) -> str:
    """`my.json:5: training_config.optimizer`; the key alone for what no file and no flag says."""
    stem = key.partition("[")[0]  # a list has one origin
    origin = next((place for name, place in resolved.origins.items() if name.startswith(stem)), "default")
    return key if origin == "default" else f"{origin}: {key}"
