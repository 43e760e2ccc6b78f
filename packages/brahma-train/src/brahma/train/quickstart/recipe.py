"""The quickstart's numbers, in one place. Chosen by measurement on two CPU cores and three minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Keys of `training_config` for one of the two trainings."""

    lr: float
    batch_size: int
    warmup_steps: int
    schedule: str = "cosine"
    optimizer: str = "adamw"
    weight_decay: float = 0.1
    adam_beta2: float = 0.95
    logging_steps: int = 10

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides how good the model gets in the time it is given.

    Attributes:
        vocab_size: ids of the tokenizer, trained on the corpus.
        seq_length: tokens of a pack.
        model: `model_config` without what the tokenizer decides.
        pretraining: on the modules' text.
        tuning: on the pairs of signature and docstring.
        tuning_share: part of the training time that goes to tuning.
    """

    vocab_size: int = 4096
    seq_length: int = 512
    model: Mapping[str, Any] = field(
        default_factory=lambda: {
            "num_hidden_layers": 4,
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_attention_heads": 6,
            "num_key_value_heads": 2,
            "head_dim": 64,
            "tie_word_embeddings": True,
        }
    )
    pretraining: Stage = Stage(lr=3e-3, batch_size=8, warmup_steps=20, optimizer="muon")
    tuning: Stage = Stage(lr=5e-4, batch_size=8, warmup_steps=10)
    tuning_share: float = 0.15

    def model_config(self) -> dict[str, Any]:
        """`model_config` as a file holds it."""
        return {**self.model, "vocab_size": self.vocab_size, "max_position_embeddings": self.seq_length}


DEFAULT = Recipe()
