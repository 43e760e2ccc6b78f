"""How much of a model is trained where a part of it is frozen, about, from its shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from brahma.core.config.sections import TrainingSection
from brahma.train.layers import Layer


def trained_parameters(
    training: TrainingSection, layers: tuple[Layer, ...], *, whole: int, matrix: int, depth: int
) -> int | None:
    """Parameters that `freeze` and `train_only` leave to train; None where neither is given.

    Args:
        whole: parameters of the model.
        matrix: of its embeddings, and of its head.
        depth: how many layers it has.
    """
    if training.freeze is None and training.train_only is None:
        return None

    def count(choices: str | list[str] | None) -> int:
        return _count(choices, lambda choice: _of(choice, layers, matrix, depth))

    trained = whole if training.train_only is None else count(training.train_only)
    return max(0, min(whole, trained) - count(training.freeze))


def layers_of_the_backward(training: TrainingSection, depth: int) -> int:
    """How many layers gradients go through: where the last ones alone are trained, no more than these."""
    only = training.train_only
    choices = [only] if isinstance(only, str) else only or ["*"]
    last = [choice.partition("=")[2].strip() for choice in choices if choice.startswith("last_layers")]
    others = [choice for choice in choices if not choice.startswith("last_layers") and choice != "head"]
    if others or not all(number.isdecimal() for number in last):
        return depth
    return min(depth, max(map(int, last), default=0))


def _count(choices: str | list[str] | None, size: Callable[[str], int]) -> int:
    listed: Iterable[str] = [choices] if isinstance(choices, str) else choices or ()
    return sum(size(choice) for choice in dict.fromkeys(listed))


def _of(choice: str, layers: tuple[Layer, ...], matrix: int, depth: int) -> int:
    """Of a word or pattern; norms and biases are too small to count."""
    word, _, number = (part.strip() for part in choice.partition("="))
    if word == "last_layers" and number.isdecimal() and depth:
        return sum(layer.weights for layer in layers) * min(int(number), depth) // depth
    if word in ("embeddings", "head"):
        return matrix
    named = [layer.weights for layer in layers if _matches(layer.name, choice)]
    outside = any(fnmatchcase(name, choice) for name in ("model.embed_tokens.weight", "lm_head.weight"))
    return sum(named) + (matrix if outside else 0)


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern names the weight, the layer, or a module around it."""
    parts = name.split(".")
    around = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return fnmatchcase(f"{name}.weight", pattern) or any(fnmatchcase(each, pattern) for each in around)
