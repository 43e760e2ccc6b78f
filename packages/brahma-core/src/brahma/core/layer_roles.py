"""What a linear layer does in a model, told by its place: architectures give their layers different names."""

from __future__ import annotations

import re
from typing import Literal, get_args

Role = Literal["attention", "mlp"]
ROLES: tuple[Role, ...] = get_args(Role)

ALL_LINEAR = "all-linear"
"""In place of names: all linear layers but the output head."""

_MLP = re.compile(r"mlp|ffn|feed_?forward|expert|moe")
_DIRECTLY_IN_LAYER = re.compile(r"(fc|ff|linear)_?\d")  # as in OPT, whose feed-forward part is no module
_ATTENTION_NAMES = re.compile(
    r"[qkvo]_proj|out_proj|qkv(_proj)?|query_key_value|query|key|value|wqkv|wq|wk|wv|wo|c_attn|attn_.*"
)
_MLP_NAMES = re.compile(
    r"(gate|up|down|gate_up)_proj|fc\d|fc_(in|out)|c_fc|dense_h_to_4h|dense_4h_to_h|w[123]|wi|ffn_.*"
)


def ends_with(name: str, end: str) -> bool:
    """Whether a configuration means this layer or module by that end of its name, in whole parts.

    >>> ends_with("model.layers.0.mlp.down_proj", "mlp.down_proj")
    True
    >>> ends_with("model.layers.0.mlp.down_proj", "proj")
    False
    """
    return name == end or name.endswith(f".{end}")


def role_of(name: str) -> Role | None:
    """The role of a layer by its whole, dotted name; None: it is no part of a transformer's block.

    >>> role_of("transformer.h.0.attn.c_proj")
    'attention'
    >>> role_of("transformer.h.0.mlp.c_proj")
    'mlp'
    """
    parts = name.lower().split(".")
    number = next((place for place, part in enumerate(parts) if part.isdecimal()), None)
    if number is None:
        return None
    parents = parts[number + 1 : -1]
    if any("attn" in part or "attention" in part for part in parents):
        return "attention"
    if any(_MLP.search(part) for part in parents) or (not parents and _DIRECTLY_IN_LAYER.match(parts[-1])):
        return "mlp"
    return None


def usual_role(end: str) -> Role | None:
    """What layers of this name do in the architectures that have them."""
    last = end.rpartition(".")[2].lower()
    if _ATTENTION_NAMES.fullmatch(last):
        return "attention"
    return "mlp" if _MLP_NAMES.fullmatch(last) else None
