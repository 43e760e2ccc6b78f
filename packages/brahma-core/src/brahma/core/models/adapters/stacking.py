"""Adapters that lie on top of each other: which may, and in which order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from brahma.core.errors import ModelError
from brahma.core.models.adapters.reading import trained_rows
from brahma.core.models.adapters.targets import ends_with_any

if TYPE_CHECKING:
    from peft import LoraConfig


def check_together(configs: Mapping[str, LoraConfig], embeddings: Collection[str]) -> None:
    """Refuse adapters that replace the same part of a model: only one of them could count.

    Args:
        configs: by the folder of each, or what else it is called.
        embeddings: names of the model's embedding and head.

    Raises:
        ModelError: naming both, and what they share.
    """
    for (lower, below), (upper, above) in combinations(configs.items(), 2):
        for what, shared in _replaced(below, above, embeddings):
            raise ModelError(
                f"two adapters of the stack replace the same {what}",
                where=f"lora_config.stack: {lower}",
                why=f"{upper} replaces {shared} as well, and only one of the two can count",
                hint="merge the lower one into the base model (brahma merge), or train the upper one without",
            )


def _replaced(below: LoraConfig, above: LoraConfig, embeddings: Collection[str]) -> Iterator[tuple[str, str]]:
    """What both replace, and do not add to."""
    if modules := set(below.modules_to_save or ()) & set(above.modules_to_save or ()):
        yield "modules", ", ".join(sorted(modules))
    if rows := trained_rows(below) & trained_rows(above):
        yield "rows of the embedding", ", ".join(map(str, sorted(rows)[:5]))
    for one, other in ((below, above), (above, below)):
        whole = [name for name in embeddings if ends_with_any(name, one.modules_to_save or ())]
        if whole and trained_rows(other):
            yield "embedding, one of them whole and one by rows", whole[0]
    if "none" not in (below.bias, above.bias):
        yield "biases", f'bias "{above.bias}"'
