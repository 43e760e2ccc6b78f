"""The ranges in which a search varies its parameters: given ones, and sensible ones where none is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from brahma.core.config import Config
from brahma.core.config.draft import dotted, value_at
from brahma.core.config.search_checks import range_mistake
from brahma.core.errors import ConfigError
from brahma.train.search.parameters import Key, Value


@dataclass(frozen=True)
class Numbers:
    """Numbers from `low` to `high`, both included.

    Attributes:
        log: evenly in their logarithm.
        step: between neighbours, from `low` on; None: all numbers, or all whole ones.
        whole: whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def corners(self) -> tuple[Value, ...]:
        """The lowest and the highest."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)

    def number_of(self, value: float) -> float:
        """Of a value, counted from `low` in steps; the value itself where there are none.

        Computed in other ways, the same value has other last bits.
        """
        return value if self.step is None else round((value - self.low) / self.step)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return False
        if self.step is not None and abs((value - self.low) / self.step - self.number_of(value)) > 1e-9:
            return False
        return self.low <= value <= self.high and (not self.whole or value == int(value))

    def to_dict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "log": self.log, "step": self.step, "whole": self.whole}

    def __str__(self) -> str:
        step = f" by {self.step:g}" if self.step is not None else ""
        return f"{self.low:.4g} to {self.high:.4g}{step}{', logarithmic' if self.log else ''}"


@dataclass(frozen=True)
class Values:
    """One of several values."""

    values: tuple[Value, ...]

    def corners(self) -> tuple[Value, ...]:
        """All of them."""
        return self.values

    def __contains__(self, value: object) -> bool:
        return any(
            isinstance(each, bool) is isinstance(value, bool) and each == value for each in self.values
        )

    def to_dict(self) -> dict[str, Any]:
        return {"values": list(self.values)}

    def __str__(self) -> str:
        return ", ".join("null" if value is None else f"{value}" for value in self.values)


Range = Numbers | Values


def range_from_dict(stored: Mapping[str, Any]) -> Range:
    """The range that `to_dict` told."""
    return Values(tuple(stored["values"])) if "values" in stored else Numbers(**stored)


def given_range(key: Key, given: Any) -> Range:
    """The range that a configuration gives.

    Raises:
        ConfigError: it is none, or the key takes other values.
    """
    where = f"search.parameters.{key.name}"
    if mistake := range_mistake(given):
        raise ConfigError(mistake[0], where=where, hint=mistake[1])
    if isinstance(given, list):
        return Values(tuple(given))
    if key.kind == "name":
        raise ConfigError("takes names, not numbers", where=where, hint=f"a list, such as {_names_of(key)}")
    whole = key.kind == "whole"
    ends = (given["low"], given["high"], given.get("step") or 1)
    if whole and any(end != int(end) for end in ends):
        raise ConfigError("takes whole numbers", where=where, hint="whole numbers for low, high and step")
    number: type[int] | type[float] = int if whole else float
    step = given.get("step")
    low, high = number(given["low"]), number(given["high"])
    return Numbers(low, high, given.get("log", False), None if step is None else number(step), whole)


def _names_of(key: Key) -> str:
    return f"[{', '.join(str(name) for name in key.names)}]" if key.names else '["adamw", "lion"]'


@dataclass(frozen=True)
class Circumstances:
    """What default ranges follow from.

    Attributes:
        config: the base configuration.
        fits: whether memory permits so many packs in a micro-batch.
        steps: of a trial of so many packs a step.
        least_steps: a trial that is compared on its way needs so many.
    """

    config: Config
    fits: Callable[[int], bool]
    steps: Callable[[int], int]
    least_steps: int


def default_range(key: Key, circumstances: Circumstances, fewest_steps: int) -> Range:
    """The range of a parameter for which none is given.

    Args:
        fewest_steps: of any trial.

    Raises:
        ConfigError: this parameter needs one.
    """
    name = dotted(key.path)
    now = value_at(circumstances.config.model_dump(mode="json", by_alias=True), key.path)
    if name in BATCHES:
        return _batches(now or 1, name, circumstances)
    if name == "training_config.warmup_steps":
        high = max(1, fewest_steps // 5, min(int(now), fewest_steps // 2))
        return Numbers(0, high, whole=True)
    if name in _RANGES:
        return _RANGES[name](now)
    if key.names:
        return Values(key.names)
    if key.kind == "whole" and isinstance(now, int) and now > 0:
        return Numbers(max(1, now // 4), now * 4, log=True, whole=True)
    if key.kind == "number" and isinstance(now, int | float) and now > 0:
        return Numbers(now / 4, now * 4, log=True)
    raise ConfigError(
        f"{key.name} has no default range",
        where=f"search.parameters.{key.name}",
        hint='give one: {"low": 1, "high": 8}, or a list of values such as '
        + (_names_of(key) if key.kind == "name" else "[1, 2, 4]"),
    )


BATCHES = (
    "training_config.batch_size",
    "training_config.gradient_accumulation_steps",
    "training_config.global_batch_size",
)
"""What the packs of a step follow from; where the last one is given, the others change nothing of that."""


def _batches(now: int, name: str, circumstances: Circumstances) -> Values:
    """Powers of two around the one there is: as memory permits, and with steps enough to compare trials."""
    training = circumstances.config.training
    micro = name == "training_config.batch_size"
    packs = training.global_batch_size or training.batch_size * training.gradient_accumulation_steps
    found = {
        value
        for value in (2**power for power in range(12))
        if now / 4 <= value <= now * 4
        and (not micro or value <= now or circumstances.fits(value))
        and circumstances.steps(max(1, packs * value // now)) >= circumstances.least_steps
    }
    return Values(tuple(sorted(found | {now})))


def _rate(now: Any) -> Numbers:
    return Numbers(max(now / 10, 1e-7), min(now * 10, 1.0), log=True)


_RANGES: Mapping[str, Callable[[Any], Range]] = {
    "training_config.lr": _rate,
    "training_config.weight_decay": lambda now: Numbers(0.0, max(0.2, 2 * now)),
    "training_config.adam_beta1": lambda now: Numbers(0.8, 0.98),
    "training_config.adam_beta2": lambda now: Values((0.9, 0.95, 0.98, 0.99, 0.999)),
    "training_config.adam_epsilon": lambda now: Numbers(1e-10, 1e-6, log=True),
    "training_config.max_grad_norm": lambda now: Numbers(0.1, 10.0, log=True),
    "training_config.epochs": lambda now: Values((now / 2, now, now * 2)),
    "training_config.schedule": lambda now: Values(("linear", "cosine", "constant", "wsd")),
    "training_config.optimizer": lambda now: Values(("adamw", "muon", "lion")),
    "lora_config.r": lambda now: Values((4, 8, 16, 32, 64)),
    "lora_config.alpha": lambda now: Values((4.0, 8.0, 16.0, 32.0, 64.0, 128.0)),
    "lora_config.dropout": lambda now: Numbers(0.0, 0.2),
    "lora_config.lr_ratio": lambda now: Numbers(1.0, 32.0, log=True),
    "model_config.attention_dropout": lambda now: Numbers(0.0, 0.2),
}
"""Ranges by the value that the base configuration has."""
