"""The things that a configuration chooses by name, held against what is installed."""

from __future__ import annotations

from brahma.core.config.resolve import ResolvedConfig
from brahma.core.plugins import get_plugins


def check_choices(resolved: ResolvedConfig) -> None:
    """Refuse unknown optimizers, schedules, backends and trackers, and wrong options, before anything runs.

    Raises:
        PluginError, ConfigError: with the key, and the names that exist.
    """
    training, plugins = resolved.config.training, get_plugins()
    chosen = [
        ("optimizer", training.optimizer, "training_config.optimizer"),
        ("schedule", training.schedule, "training_config.schedule"),
        *(("tracker", each, f"training_config.trackers[{i}]") for i, each in enumerate(training.trackers)),
    ]
    if training.backend.name != "auto":
        chosen.append(("backend", training.backend, "training_config.backend"))
    for kind, choice, where in chosen:
        plugins.options(plugins.find(kind, choice.name, where), choice, where)
