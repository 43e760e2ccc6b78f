"""Optimizers and schedules at arm's length: whoever wrote one, what it does wrong is named and ends the run.

The checkpoint before stays good: a step that is refused is never published into the model, and nothing is
saved after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.core.errors import BrahmaError, TrainingError
from brahma.core.plugins import DISTRIBUTIONS, check_stop, get_plugins
from brahma.train.groups import ParameterGroup
from brahma.train.memory import is_out_of_memory
from brahma.train.optimizer_state import OURS, is_kept, optimizer_tensors
from brahma.train.weights import MasterWeights

_WHERE = "training_config.optimizer"
_SCHEDULE = "training_config.schedule"
_SET_BY_US = ("weight_decay", "lr_ratio")


def make_optimizer(
    training: TrainingSection, groups: list[ParameterGroup], weights: MasterWeights
) -> GuardedOptimizer:
    """The optimizer that the configuration chooses, on these groups.

    Raises:
        ConfigError, PluginError: there is none of that name, or its options are wrong.
        TrainingError: it cannot be made; its distribution is named.
    """
    plugins, choice = get_plugins(), training.optimizer
    found = plugins.registration("optimizer", choice.name, _WHERE)
    options = plugins.options(found.entry, choice, _WHERE)
    make, label = found.load(_WHERE), found.label
    with _blamed(label, "cannot be made"):
        made = make(groups, training, options)
    if not isinstance(made, torch.optim.Optimizer):
        raise _failure(label, f"made {type(made).__name__}, which is no torch.optim.Optimizer")
    return GuardedOptimizer(made, groups, weights, label=label, ours=found.distribution in DISTRIBUTIONS)


def make_schedule(training: TrainingSection) -> tuple[Callable[[float, Any], float], Any]:
    """The schedule that the configuration chooses, checked at each call, and its options.

    Raises:
        ConfigError, PluginError: there is none of that name, or its options are wrong. TrainingError, when it
            is called: it raised, or gave no finite number of 0 or more.
    """
    plugins, choice = get_plugins(), training.schedule
    found = plugins.registration("schedule", choice.name, _SCHEDULE)
    options = plugins.options(found.entry, choice, _SCHEDULE)
    schedule, label = found.load(_SCHEDULE), found.label

    def factor(progress: float, options: Any) -> float:
        with _blamed(label, f"failed at progress {progress:g}", _SCHEDULE):
            given = schedule(progress, options)
        if not isinstance(given, int | float) or not math.isfinite(given) or given < 0:
            why = "the factor on lr is a finite number, 0 or more"
            raise _failure(label, f"gave {given!r} at progress {progress:g}", why, where=_SCHEDULE)
        return given

    return factor, options


class GuardedOptimizer:
    """An optimizer whose every step is checked.

    Args:
        optimizer: made on `groups`.
        weights: whose masters the groups hold.
        label: what errors call it: name, distribution, version.
        ours: one that comes with Brahma is trusted after its first step, which saves time.

    Attributes:
        beginnings: the numbers of each group, as the optimizer was made.

    Raises:
        TrainingError: its groups are not those that it was given.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        groups: Sequence[ParameterGroup],
        weights: MasterWeights,
        *,
        label: str,
        ours: bool = False,
    ) -> None:
        self.label = label
        self._optimizer = optimizer
        self._weights = weights
        self._ours = ours
        self._names = {id(p): n for g in groups for p, n in zip(g["params"], g["names"], strict=True)}
        self._ratios = {id(p): group["lr_ratio"] for group in groups for p in group["params"]}
        self._stepped = False
        self._layout = self._checked_layout()
        self._settle_ratios()
        self._settings = self._read_settings()
        self._fixed = [_not_kept(group) for group in self.param_groups]
        self._own_numbers = _numbers_of(optimizer)
        self.beginnings = [
            {key: value for key, value in group.items() if not isinstance(value, Tensor) and is_kept(value)}
            for group in self.param_groups
        ]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return self._optimizer.param_groups

    @property
    def state(self) -> MutableMapping[Tensor, Any]:
        return self._optimizer.state

    @property
    def defaults(self) -> dict[str, Any]:
        return self._optimizer.defaults

    def step(self) -> None:
        """Step, and check what was done.

        Raises:
            TrainingError: it raised, or left parameters, groups or state as they cannot go on.
        """
        with _blamed(self.label, "failed in a step"):
            self._optimizer.step()
        if self._ours and self._stepped:
            return
        self._check_groups()
        self._check_parameters()
        if not self._stepped:
            self._check_storable()
            self._stepped = True

    def _checked_layout(self) -> list[list[int]]:
        """Identities of the parameters of each group; each that was given, once."""
        groups = self._optimizer.param_groups
        if not isinstance(groups, list) or not all(_is_group(group) for group in groups):
            raise self._failure("has param_groups that are no list of groups with parameters")
        layout = [[id(p) for p in group["params"]] for group in groups]
        listed = [each for group in layout for each in group]
        held = set(listed)
        if strange := len(held - self._names.keys()):
            raise self._failure(f"keeps {strange} parameters that it was not given")
        if lost := self._names.keys() - held:
            raise self._failure(f"leaves out {self._names[lost.pop()]}", "it would not be trained")
        if len(listed) != len(held):
            raise self._failure("keeps a parameter twice")
        return layout

    def _settle_ratios(self) -> None:
        """Give each group the `lr_ratio` of its parameters, whatever became of the key."""
        for group in self.param_groups:
            ratios = {self._ratios[id(p)] for p in group["params"]}
            if len(ratios) > 1:
                raise self._failure(
                    "puts parameters of different lr_ratio into one group",
                    "their learning rates are one then",
                )
            group["lr_ratio"] = ratios.pop() if ratios else 1.0

    def _check_groups(self) -> None:
        if self._checked_layout() != self._layout:
            raise self._failure("moves parameters between its groups")
        if self._read_settings() != self._settings:
            raise self._failure(
                f"changes {' or '.join(_SET_BY_US)} of a group", "these are the configuration's"
            )
        for group, fixed in zip(self.param_groups, self._fixed, strict=True):
            if bad := [k for k, v in group.items() if isinstance(v, float) and not math.isfinite(v)]:
                raise self._failure(f"sets {bad[0]!r} of a group to {group[bad[0]]}")
            now = _not_kept(group)
            if changed := [key for key in now if key not in fixed or not _equal(now[key], fixed[key])]:
                key = changed[0]
                raise self._failure(
                    f"changes {key!r} of a group, which is {type(now[key]).__name__}",
                    "a checkpoint keeps tensors, ints, floats and bools of a group",
                )

    def _check_parameters(self) -> None:
        """That all are finite numbers still, and state is of what was given."""
        masters = self._weights.masters
        norms = torch.stack(torch._foreach_norm(masters, math.inf))
        if not bool(norms.isfinite().all()):
            name = self._weights.names[int((~norms.isfinite()).nonzero()[0])]
            raise self._failure(
                f"left {name} with values that are no finite numbers",
                "gradients and weights were finite before its step",
                "lower lr, or choose another optimizer; the last checkpoint is good",
            )

    def _check_storable(self) -> None:
        """That a checkpoint can hold all that it keeps: said after the first step, not at the first save."""
        optimizer_tensors(self, self._weights)
        now = _numbers_of(self._optimizer)
        if changed := [key for key in now if now[key] != self._own_numbers.get(key)]:
            raise self._failure(
                f"counts {changed[0]!r} on itself",
                "a checkpoint keeps state and param_groups, and a run that goes on would count anew",
                "its authors can keep it in param_groups; until then choose another optimizer, such as adamw",
            )

    def _read_settings(self) -> list[list[Any]]:
        return [[group.get(key) for key in _SET_BY_US] for group in self.param_groups]

    def _failure(self, what: str, why: str | None = None, hint: str | None = None) -> TrainingError:
        return _failure(self.label, what, why, hint)


def _is_group(group: object) -> bool:
    return isinstance(group, dict) and isinstance(group.get("params"), list)


def _not_kept(group: dict[str, Any]) -> dict[str, Any]:
    """What of a group a checkpoint does not hold; lists and the like as they are now."""
    return {
        key: list(value) if isinstance(value, list) else value
        for key, value in group.items()
        if key not in OURS and not is_kept(value)
    }


def _equal(a: object, b: object) -> bool:
    if a is b:
        return True
    try:
        return bool(a == b)
    except Exception:  # a stranger's type may compare as it likes: unequal then
        return False


def _numbers_of(optimizer: torch.optim.Optimizer) -> dict[str, int | float]:
    """Public numbers that the object itself holds."""
    return {k: v for k, v in vars(optimizer).items() if type(v) in (int, float) and not k.startswith("_")}


@contextmanager
def _blamed(label: str, what: str, where: str = _WHERE) -> Iterator[None]:
    """Name the plugin in whatever it raises, but for what has a message of its own."""
    try:
        yield
    except BrahmaError:
        raise
    except BaseException as error:  # a stranger's code: whatever it raises is its own fault
        check_stop(error)
        if is_out_of_memory(error):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise _failure(label, what, said, where=where) from error


def _failure(
    label: str, what: str, why: str | None = None, hint: str | None = None, *, where: str = _WHERE
) -> TrainingError:
    kind = where.rpartition(".")[2]
    usual = "adamw" if where == _WHERE else "linear"
    return TrainingError(
        f"{label} {what}",
        where=where,
        why=why,
        hint=hint
        or f"tell its authors, or choose another {kind}, such as {usual}; saved checkpoints are good",
    )
