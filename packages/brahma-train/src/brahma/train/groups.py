"""Parameter groups: which parameters share a weight decay and a learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from torch import Tensor

from brahma.core.config.sections import ParameterRule
from brahma.core.errors import ConfigError
from brahma.train.parameters import NamedParameters, Role

_KEY = "training_config.parameter_groups"
_NO_RULE = -1
_B_MATRICES = ("lora_B", "lora_embedding_B")  # as peft names them


class ParameterGroup(TypedDict):
    """Parameters that share their settings.

    Attributes:
        params: float32 masters.
        names: of the model's parameters, in the order of `params`.
        roles: what each is: `embedding`, `head`, `norm`, or empty.
        weight_decay: of this group.
        lr_ratio: its learning rate, as a multiple of `lr`.
    """

    params: list[Tensor]
    names: list[str]
    roles: list[Role]
    weight_decay: float
    lr_ratio: float


def parameter_groups(
    named: Iterable[tuple[str, Tensor]],
    *,
    weight_decay: float,
    parameters: NamedParameters | None = None,
    rules: Sequence[ParameterRule] = (),
    b_ratio: float = 1.0,
) -> list[ParameterGroup]:
    """The groups of what is trained; one without parameters is left out.

    Matrices decay; norms and biases, which have one dimension, do not. The first rule that matches a
    parameter holds; what no rule matches comes first, in one group that decays and one that does not.

    Args:
        named: what is trained.
        parameters: those of the model; rules need them, and without them no role is known.
        b_ratio: `lr_ratio` of adapters' B matrices that no rule matches (LoRA+, https://arxiv.org/abs/2402.12354).

    Raises:
        ConfigError: a rule matches nothing that is trained, or only what earlier rules took.
    """
    listed = list(named)
    rule_of = _rules_of([name for name, _ in listed], rules, parameters)
    groups: dict[tuple[int, bool, float], ParameterGroup] = {}
    for name, parameter in listed:
        number, decays = rule_of.get(name, _NO_RULE), parameter.ndim >= 2
        if number == _NO_RULE:
            decay, ratio = None, b_ratio if _is_b(name) else 1.0
        else:
            decay, ratio = rules[number].weight_decay, rules[number].lr_ratio
        if decay is None:
            decay = weight_decay if decays else 0.0
        empty: ParameterGroup = {
            "params": [], "names": [], "roles": [], "weight_decay": decay, "lr_ratio": ratio
        }  # fmt: skip
        group = groups.setdefault((number, not decays, ratio), empty)
        group["params"].append(parameter)
        group["names"].append(name)
        group["roles"].append(parameters.role(name) if parameters is not None else "")
    return [groups[key] for key in sorted(groups)]


def _rules_of(
    names: list[str], rules: Sequence[ParameterRule], parameters: NamedParameters | None
) -> dict[str, int]:
    """Parameter name -> number of the rule that holds for it."""
    if not rules:
        return {}
    assert parameters is not None, "words and patterns are of a model"
    trained, taken = set(names), dict[str, int]()
    for number, rule in enumerate(rules):
        where = f"{_KEY}.{number}.match"
        matched: set[str] = set()
        for choice in [rule.match] if isinstance(rule.match, str) else rule.match:
            found = parameters.select(choice, where)
            if not found & trained:
                raise _useless(choice, where, "is not trained", "remove it, or freeze less")
            matched |= found & trained
        fresh = matched - taken.keys()
        if not fresh:
            earlier = sorted({taken[name] for name in matched})
            raise _useless(
                "match",
                where,
                f"is taken by earlier rules: {', '.join(map(str, earlier))}",
                "put it before them",
            )
        taken.update(dict.fromkeys(fresh, number))
    return taken


def _useless(what: str, where: str, why: str, hint: str) -> ConfigError:
    return ConfigError(f'"{what}" changes nothing: all that it names {why}', where=where, hint=hint)


def _is_b(name: str) -> bool:
    return any(part in _B_MATRICES for part in name.split("."))
