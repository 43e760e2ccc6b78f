"""A training of some steps that takes a second, through the parts that a run is made of."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from brahma.core.config import TrainingSection
from brahma.core.models import build_model
from brahma.core.models.forward import decoder_of
from brahma.core.spec import ModelSpec
from brahma.data._table import PackSource
from brahma.data.packs import Packs
from brahma.data.rows import EncodedDocument
from brahma.data.shards import ShardWriter, token_dtype
from brahma.train.backends import Backend
from brahma.train.loop import Stepper
from brahma.train.monitor import LossWatch, TimeAccount
from brahma.train.plan import make_plan
from brahma.train.precision import LossScaler
from brahma.train.schedules import LearningRate, constant
from brahma.train.weights import MasterWeights

_VOCAB, _LENGTH = 53, 16
_ROWS, GLOBAL_BATCH = 11, 4  # 11 packs: the last of three steps has one pack less
_SEED = 11


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes:
        losses: of each step, over all processes.
        rows: that this process saw, `file:line`, by step.
        weights: at the end, by name.
    """

    losses: list[float]
    rows: list[list[str]]
    weights: dict[str, Tensor]


def train(backend: Backend, folder: Path) -> Trained:
    """Train a model of two layers in float32 on the backend's processes, on the same batches whatever their
    number.

    Args:
        folder: an empty one of this process alone, for the data.
    """
    packs = _packs(folder)
    share = GLOBAL_BATCH // backend.world_size
    plan = make_plan(TrainingSection(batch_size=share), packs, world_size=backend.world_size)
    model = build_model(_spec(), seed=_SEED, dtype=torch.float32)
    torch.nn.Module.to(model, backend.device)
    model.train()
    weights = MasterWeights(model)
    stepper = Stepper(
        model=model,
        decoder=decoder_of(model),
        weights=weights,
        optimizer=torch.optim.SGD([{"params": weights.masters, "lr_ratio": 1.0}]),  # sees a factor
        learning_rate=LearningRate(0.1, warmup_steps=0, total_steps=plan.total_steps, schedule=constant),
        plan=plan,
        backend=backend,
        clock=TimeAccount(),
        watch=LossWatch(lambda step: plan.rows(step - 1)),
        max_grad_norm=0.0,  # clipping would hide one
        seed=_SEED,
        scaler=LossScaler(enabled=False),
    )
    losses, rows = [], []
    for step in range(plan.total_steps):
        losses.append(stepper.step(step).loss)
        mine = plan.micro_batches(step, backend.rank, backend.world_size)
        rows.append([_place(packs, int(pack)) for _, chosen in mine for pack in chosen])
    return Trained(losses, rows, {name: p.detach().cpu() for name, p in model.named_parameters()})


def _place(packs: Packs, pack: int) -> str:
    return " ".join(f"{row.source}:{row.line}" for row in packs.rows(pack))


def _spec() -> ModelSpec:
    return ModelSpec.from_config(
        {
            "vocab_size": _VOCAB,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "initializer_range": 0.2,
            "tie_word_embeddings": False,
        }
    )


def _packs(folder: Path) -> Packs:
    """One row a pack, of uneven length and uneven prompt."""
    chance = random.Random(_SEED)
    shard = folder / "shard"
    shard.mkdir(parents=True)
    with ShardWriter(shard, token_dtype(_VOCAB)) as writer:
        for row in range(_ROWS):
            length = chance.randint(4, _LENGTH)
            prompt = chance.randint(1, length - 2)
            mask = np.array([0] * prompt + [1] * (length - prompt), np.uint8)
            document = EncodedDocument(
                ids=np.array([chance.randrange(3, _VOCAB) for _ in range(length)], np.int32),
                mask=mask,
                num_bytes=int(mask.sum()),
                num_special=0,
                prompt_length=prompt,
                has_bos=False,
            )
            writer.add(document, row=row, line=row + 1, offset=row)
    return Packs.build(
        [PackSource("rows.jsonl", "rows", shard)],
        folder / "packs",
        seq_length=_LENGTH,
        packing="off",
        running_text=False,
    )
