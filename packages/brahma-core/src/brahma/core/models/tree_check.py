"""Whether a model computes texts that share beginnings exactly as each alone."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from brahma.core.models.inputs import made_up
from brahma.core.models.packable import refuse_changing_positions, short_windows
from brahma.core.models.tree_attention import TREE, TokenTree, register_tree_attention, run_tree
from brahma.core.modes import attention, evaluating

# Two texts that share four tokens, and a third one, as flat tokens.
_DEPTHS = np.array([0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 0, 1, 2, 3, 4])
_ENDS = np.array([11, 11, 11, 11, 8, 8, 8, 8, 11, 11, 11, 16, 16, 16, 16, 16])
_TEXTS = ([*range(8)], [*range(4), 8, 9, 10], [*range(11, 16)])

_known: WeakKeyDictionary[PreTrainedModel, dict[int, bool]] = WeakKeyDictionary()


def computes_trees(model: PreTrainedModel, *, longest: int) -> bool:
    """Run three short texts as a tree, and each alone by the model's own attention: the logits must agree.

    A state from token to token, attention of a model's own code, positions that are counted by slots: all
    this shows. Windows are made shorter than the texts for as long. A model is tried once.

    Args:
        longest: tokens of the longest text that will come.
    """
    known = _known.setdefault(model, {})
    if longest not in known:
        known[longest] = _agrees(model, longest)
    return known[longest]


def _agrees(model: PreTrainedModel, longest: int) -> bool:
    register_tree_attention()
    try:
        refuse_changing_positions(model, longest)
        with evaluating(model), short_windows(model, longest), torch.no_grad():
            difference, scale = _difference(model)
    except Exception:  # a refusal, or whatever a model's code may raise that was not written for this
        return False
    return difference <= (1e-4 if model.dtype == torch.float32 else 0.05) * scale


def _difference(model: PreTrainedModel) -> tuple[float, float]:
    """Largest difference of the logits, as a tree and alone, and the largest of those alone."""
    ids = made_up(model, (len(_DEPTHS),)).input_ids[0]
    with attention(model, TREE):
        together: Tensor = run_tree(model, ids, TokenTree(_DEPTHS, _ENDS)).logits[0].float()
    with attention(model, "eager"):
        alone = [model(input_ids=ids[None, text], use_cache=False).logits[0].float() for text in _TEXTS]
    pairs = zip(_TEXTS, alone, strict=True)
    difference = max(float((together[text] - each).abs().max()) for text, each in pairs)
    return difference, max(float(each.abs().max()) for each in alone)
