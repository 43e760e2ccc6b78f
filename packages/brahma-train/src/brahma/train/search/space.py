"""The space of a search: what is varied, in which ranges, and the configuration of a point in it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from brahma.core.config import Config, ResolvedConfig, resolve_config
from brahma.core.config.choices import check_choices
from brahma.core.config.draft import dotted
from brahma.core.errors import BrahmaError, ConfigError
from brahma.train.search.lengths import batch_of, same_length
from brahma.train.search.opening import put
from brahma.train.search.parameters import Key, Value, find_key
from brahma.train.search.ranges import (
    BATCHES,
    Circumstances,
    Numbers,
    Range,
    Values,
    default_range,
    given_range,
)

_MOST_CORNERS = 64


def asked_parameters(names: Sequence[str] | None, config: Config) -> dict[Key, Any]:
    """The parameters to vary, each with the range that the configuration gives, or None.

    Args:
        names: of `--optimize`; None: all that stand in `search.parameters`.

    Raises:
        ConfigError: there are none, one is unknown, stands twice, or is of a part that is not configured.
    """
    given: dict[Key, Any] = {}
    for name, span in ((config.search and config.search.parameters) or {}).items():
        key = find_key(name)
        if key in given:
            raise ConfigError(
                f"{key.name} is named twice", where="search.parameters", hint=f"leave {name} out"
            )
        given[key] = span
    keys = [find_key(name) for name in names] if names is not None else list(given)
    if not keys:
        raise ConfigError(
            "nothing is searched",
            where="search.parameters",
            hint="name what to vary: --optimize lr,batch_size,warmup_steps",
        )
    if double := next((key for key in keys if keys.count(key) > 1), None):
        raise ConfigError(f"{double.name} is named twice", where="--optimize", hint="name it once")
    if config.training.max_minutes is not None:
        raise ConfigError(
            "a search needs trials of one length",
            where="training_config.max_minutes",
            why="so many minutes are other steps each time",
            hint='give "max_steps" or "epochs" in its place',
        )
    for key in keys:
        _check_is_read(key, config)
    return {key: given.get(key) for key in keys}


def _check_is_read(key: Key, config: Config) -> None:
    """Raises ConfigError for what changes nothing in this configuration."""
    training, path = config.training, dotted(key.path)
    mistake: tuple[str, str] | None = None
    if key.path[0] == "lora_config" and config.lora is None:
        mistake = "there is no lora_config", 'give "lora_config": {} to train adapters'
    elif key.path[0] == "quantization" and config.quantization is None:
        mistake = "there is no quantization", 'give "quantization": {}'
    elif key.path[0] == "model_config" and config.model.base_model is not None:
        mistake = "the model goes on from a base model, whose shape is fixed", "leave it out"
    elif path == "training_config.epochs" and training.max_steps is not None:
        mistake = "max_steps ends the run, not epochs", "remove max_steps, or search that"
    elif training.global_batch_size is not None and path in BATCHES[:-1]:
        mistake = (
            "a step has global_batch_size packs whatever it is, so all trials would be the same",
            "search global_batch_size, or remove that from training_config",
        )
    if mistake is not None:
        text = f"{key.name} cannot be searched here"
        raise ConfigError(text, where="search.parameters", why=mistake[0], hint=mistake[1])


class Space:
    """Parameters with their ranges, over a base configuration.

    Args:
        base: the configuration that is varied.
        parameters: each with the range that was given for it, or None.
        circumstances: what default ranges follow from.
        extra: dotted keys and values that every trial has beside the base's.

    Attributes:
        ranges: name -> range.
        paths: name -> dotted key.

    Raises:
        ConfigError: a parameter needs a range, or a range has values that the configuration refuses.
    """

    def __init__(
        self,
        base: ResolvedConfig,
        parameters: Mapping[Key, Any],
        circumstances: Circumstances,
        extra: Mapping[str, Any],
    ) -> None:
        self._base = base
        self._extra = extra
        self._keys = {key.name: key for key in parameters}
        self.paths = {name: dotted(key.path) for name, key in self._keys.items()}
        self.ranges: dict[str, Range] = {}
        batches = [key for key in parameters if dotted(key.path) in BATCHES]
        for key in [*batches, *(key for key in parameters if key not in batches)]:
            given = parameters[key]
            if isinstance(given, Numbers | Values):
                self.ranges[key.name] = given
            elif given is not None:
                self.ranges[key.name] = given_range(key, given)
            else:
                fewest = circumstances.steps(self._largest_batch())
                self.ranges[key.name] = default_range(key, circumstances, fewest)
        self.ranges = {name: self.ranges[name] for name in self._keys}
        self._check_corners()

    def configuration(self, values: Mapping[str, Value], run_name: str) -> ResolvedConfig:
        """The configuration of a trial with these values.

        Raises:
            ConfigError, PluginError: it is refused.
        """
        document = self.document(values)
        document["run_name"] = run_name
        document.pop("search", None)
        for key, value in self._extra.items():
            put(document, key, value)
        return resolve_config(document, where=run_name)

    def document(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """The base configuration's keys with these values, and its length in packs."""
        document = deepcopy(self._base.to_dict())
        for name, value in values.items():
            put(document, self.paths[name], value)
        base = self._base.config.training
        same_length(document["training_config"], base, set(self.paths.values()))
        return document

    def base_values(self) -> dict[str, Value] | None:
        """The values of the base configuration; None where one lies outside of the space."""
        document = self._base.to_dict()
        values: dict[str, Value] = {}
        for name, key in self._keys.items():
            value: Any = document
            for part in key.path:
                value = value.get(part) if isinstance(value, dict) else None
            if isinstance(value, dict) and value.keys() == {"name"}:
                value = value["name"]  # what is chosen by name
            span = self.ranges[name]
            if value not in span:
                return None
            values[name] = value
        return values

    def _largest_batch(self) -> int:
        """Packs of the largest step that a trial may have."""
        training = self._base.config.training
        packs = batch_of(training)
        for name, path in self.paths.items():
            if path in BATCHES and name in self.ranges:
                now = getattr(training, path.rpartition(".")[2]) or batch_of(training)
                numbers = [each for each in self.ranges[name].corners() if isinstance(each, int)]
                packs = max(1, packs * max(numbers, default=now) // now)
        return packs

    def _check_corners(self) -> None:
        """Raises ConfigError where the configuration refuses what the space has."""
        for values in corners(self.ranges):
            try:
                check_choices(self.configuration(values, "trial"))
            except BrahmaError as error:
                raise self._refused(values, error) from error

    def _refused(self, values: Mapping[str, Value], error: BrahmaError) -> ConfigError:
        problems = error.problems if isinstance(error, ConfigError) else ()
        first = problems[0] if problems else error
        shown = ", ".join(f"{name} {value}" for name, value in values.items())
        return ConfigError(
            f"the space has what the configuration refuses: {shown}",
            where="search.parameters",
            why=first.message,
            hint=f"give a smaller range; {first.hint}" if first.hint else "give a smaller range",
        )


def corners(ranges: Mapping[str, Range]) -> Iterator[dict[str, Value]]:
    """Points at the ends of the ranges: each end alone with the others' first, and all together if few."""
    ends = {name: span.corners() for name, span in ranges.items()}
    first = {name: values[0] for name, values in ends.items()}
    for name, values in ends.items():
        for value in values:
            yield {**first, name: value}
    pairs = {name: (values[0], values[-1]) for name, values in ends.items()}
    points = itertools.product(*pairs.values())
    for point in itertools.islice(points, _MOST_CORNERS):
        yield dict(zip(ranges, point, strict=True))
    yield {name: values[-1] for name, values in ends.items()}
