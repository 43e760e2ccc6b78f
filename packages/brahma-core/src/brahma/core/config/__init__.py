"""Configuration: what a run is told, where each value came from, and what is wrong with it."""

from brahma.core.config.problems import ConfigKeyError
from brahma.core.config.resolve import ResolvedConfig, diff, load_config, resolve_config, sectioned
from brahma.core.config.sections import (
    Choice,
    Config,
    DataSection,
    EvaluationSection,
    LoraSection,
    ModelSection,
    NamedChoice,
    QuantizationSection,
    SearchSection,
    Section,
    TokenizerSection,
    TokenizerTraining,
    TrainingSection,
)

__all__ = [
    "Choice",
    "Config",
    "ConfigKeyError",
    "DataSection",
    "EvaluationSection",
    "LoraSection",
    "ModelSection",
    "NamedChoice",
    "QuantizationSection",
    "ResolvedConfig",
    "SearchSection",
    "Section",
    "TokenizerSection",
    "TokenizerTraining",
    "TrainingSection",
    "diff",
    "load_config",
    "resolve_config",
    "sectioned",
]
