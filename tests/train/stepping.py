"""A stepper on a tiny model, with what decides what is trained and how put together as a run does it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from brahma.core.config import TrainingSection
from brahma.core.models import build_model
from brahma.core.models.forward import decoder_of
from brahma.core.spec import ModelSpec
from brahma.train.backends import SingleProcess
from brahma.train.freezing import apply_freezing
from brahma.train.groups import parameter_groups
from brahma.train.guarding import make_optimizer
from brahma.train.loop import Stepper
from brahma.train.monitor import LossWatch, TimeAccount
from brahma.train.optimizer_state import Stateful, load_optimizer_tensors, optimizer_tensors
from brahma.train.parameters import NamedParameters
from brahma.train.plan import make_plan
from brahma.train.precision import LossScaler
from brahma.train.schedules import LearningRate, constant
from brahma.train.weights import MasterWeights
from tests.train.packed import VOCAB, uneven_packs

SIZES: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.2,
}
DOCUMENTS = 12


class Training(Protocol):
    """What is saved: a `Stepper` has these, among others."""

    @property
    def model(self) -> nn.Module: ...
    @property
    def weights(self) -> MasterWeights: ...
    @property
    def optimizer(self) -> Stateful: ...


def small_model(*, tied: bool = False, dtype: torch.dtype = torch.float32, **sizes: Any) -> PreTrainedModel:
    spec = ModelSpec.from_config({**SIZES, "tie_word_embeddings": tied, **sizes})
    return build_model(spec, seed=4, dtype=dtype)


def small_stepper(
    *, tied: bool = False, dtype: torch.dtype = torch.float32, b_ratio: float = 1.0, **training: Any
) -> Stepper:
    """`training`: keys of `training_config`."""
    section = TrainingSection.model_validate({"batch_size": 2, "epochs": 20.0, **training})
    model = small_model(tied=tied, dtype=dtype)
    apply_freezing(model, section)
    model.train()
    weights = MasterWeights(model)
    plan = make_plan(section, uneven_packs(DOCUMENTS), world_size=1)
    groups = parameter_groups(
        weights.named_masters(),
        weight_decay=section.weight_decay,
        parameters=NamedParameters(model),
        rules=section.parameter_groups or (),
        b_ratio=b_ratio,
    )
    backend = SingleProcess()
    backend.device = torch.device("cpu")
    return Stepper(
        model=model,
        decoder=decoder_of(model),
        weights=weights,
        optimizer=make_optimizer(section, groups, weights),
        learning_rate=LearningRate(section.lr, warmup_steps=0, total_steps=99, schedule=constant),
        plan=plan,
        backend=backend,
        clock=TimeAccount(),
        watch=LossWatch(lambda step: plan.rows(step - 1)),
        max_grad_norm=section.max_grad_norm,
        seed=section.seed,
        scaler=LossScaler(enabled=False),
    )


def saved(training: Training) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights and state of the optimizer as a file gives them back."""
    weights: dict[str, Tensor] = dict(training.model.named_parameters())
    return _filed(weights), _filed(optimizer_tensors(training.optimizer, training.weights))


def _filed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        save_file({key: value.detach().contiguous() for key, value in tensors.items()}, path)
        return {key: value.clone() for key, value in load_file(path).items()}


def restore(stepper: Stepper, kept: tuple[dict[str, Tensor], dict[str, Tensor]]) -> Stepper:
    stepper.model.load_state_dict(kept[0], strict=False)
    load_optimizer_tensors(stepper.optimizer, stepper.weights, kept[1])
    return stepper


def differing(a: Stepper, b: Stepper) -> list[str]:
    """Names of weights and state that are not the same bit for bit."""
    left, right = ({**kept[0], **kept[1]} for kept in (saved(a), saved(b)))
    same = {name for name in left.keys() & right.keys() if torch.equal(left[name], right[name])}
    return sorted((left.keys() | right.keys()) - same)
