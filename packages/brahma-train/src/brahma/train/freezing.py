"""What of a model is trained, and what stays as it is: `training_config.freeze` and `train_only`."""

from __future__ import annotations

import logging

from transformers import PreTrainedModel

from brahma.core.config import TrainingSection
from brahma.core.errors import ConfigError
from brahma.train.parameters import NamedParameters

_FREEZE = "training_config.freeze"
_TRAIN_ONLY = "training_config.train_only"

_log = logging.getLogger(__name__)


def apply_freezing(model: PreTrainedModel, training: TrainingSection) -> None:
    """Turn off the gradients of what is not to be trained, and say how much is.

    `train_only` keeps what it names, then `freeze` takes from that. A matrix that the head shares with the
    embeddings goes with either word. Nothing is done where neither key is given.

    Raises:
        ConfigError: a word or pattern stands for nothing, two of them contradict each other, or nothing is
            left to train.
    """
    if training.freeze is None and training.train_only is None:
        return
    parameters = NamedParameters(model)
    kept = _chosen(parameters, training.train_only, _TRAIN_ONLY)
    frozen = _chosen(parameters, training.freeze, _FREEZE)
    _check_tied(parameters, kept, frozen)
    trained = (set().union(*kept.values()) if kept else set(parameters.names)) - set().union(*frozen.values())
    if not trained:
        raise ConfigError(
            "nothing of the model is left to train",
            where=_FREEZE if frozen else _TRAIN_ONLY,
            hint="freeze less, or remove the key",
        )
    for name, parameter in model.named_parameters():
        if name not in trained:
            parameter.requires_grad_(False)
    share = f"{parameters.size(trained):,} of {parameters.size(parameters.names):,} parameters are trained"
    _log.info("%s; the rest is frozen%s", share, _tied_note(parameters, kept, frozen))


def _chosen(parameters: NamedParameters, choices: str | list[str] | None, where: str) -> dict[str, set[str]]:
    """The names that each word or pattern stands for."""
    listed = [choices] if isinstance(choices, str) else choices or []
    return {choice: parameters.select(choice, where) for choice in listed}


def _check_tied(parameters: NamedParameters, kept: dict[str, set[str]], frozen: dict[str, set[str]]) -> None:
    """Refuse to train one end of the model and freeze the other where both are one matrix."""
    for ours, theirs in (("embeddings", "head"), ("head", "embeddings")):
        if parameters.tied and ours in kept and theirs in frozen:
            raise ConfigError(
                f'"{theirs}" is frozen and "{ours}" is to be trained, and in this model they are one matrix',
                where=_FREEZE,
                why="its input and output embeddings are tied (tie_word_embeddings)",
                hint="name it in one of the two keys",
            )


def _tied_note(parameters: NamedParameters, *choices: dict[str, set[str]]) -> str:
    named = {word for chosen in choices for word in chosen} & {"embeddings", "head"}
    if parameters.tied and len(named) == 1:
        other = "head" if named == {"embeddings"} else "embeddings"
        return f". The {other} goes with the {named.pop()}: they are one matrix"
    return ""
