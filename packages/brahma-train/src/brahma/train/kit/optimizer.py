"""What an optimizer does: it learns, obeys its groups, and goes on from a file bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from brahma.core.config import TrainingSection
from brahma.core.entries import OptimizerEntry
from brahma.core.kit import Check, Subject, expect
from brahma.train.kit.processes import on_processes
from brahma.train.optimizer_state import load_optimizer_tensors, optimizer_tensors
from brahma.train.weights import MasterWeights

_VOCAB, _WIDTH, _LENGTH = 31, 24, 16
_RATES = (1e-2, 1e-3, 1e-1, 1.0, 1e-4)
"""Learning rates of which one must do; optimizers differ in what their steps are multiples of."""
_STEPS = 25
_SEED = 5
_ROLES = {"embed_tokens": "embedding", "norm": "norm", "lm_head": "head"}


class _Predictor(nn.Module):
    """Predicts the next token from the last one; its parameters have the names and shapes of a language
    model's."""

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(_VOCAB, _WIDTH)
        self.up_proj = nn.Linear(_WIDTH, 2 * _WIDTH, bias=False)
        self.down_proj = nn.Linear(2 * _WIDTH, _WIDTH)
        self.norm = nn.RMSNorm(_WIDTH)
        self.lm_head = nn.Linear(_WIDTH, _VOCAB, bias=False)
        generator = torch.Generator().manual_seed(_SEED)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0, 0.2, generator=generator)
            self.norm.weight.add_(1.0)
        self.to(dtype)

    def forward(self, ids: Tensor) -> Tensor:
        hidden = self.embed_tokens(ids)
        hidden = hidden + self.down_proj(F.silu(self.up_proj(hidden)))
        logits: Tensor = self.lm_head(self.norm(hidden))
        return logits


@dataclass
class _Training:
    """A model, its masters, and the optimizer under test, put together as a run does it."""

    model: nn.Module
    weights: MasterWeights
    optimizer: torch.optim.Optimizer
    lr: float

    def update(self) -> None:
        """Step on the gradients that are there."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * group.get("lr_ratio", 1.0)
        self.optimizer.step()
        self.weights.publish()
        self.weights.clear_gradients()

    def step(self, number: int = 0) -> float:
        """One step on the batch of that number; the loss before it."""
        ids = _batch(number, _device_of(self.model))
        loss = F.cross_entropy(self.model(ids[:-1]).float(), ids[1:])
        torch.autograd.backward(loss)
        self.weights.add_gradients()
        self.update()
        return float(loss.detach())

    def masters(self) -> dict[str, Tensor]:
        return {name: master.detach().clone() for name, master in self.weights.named_masters()}

    def everything(self) -> dict[str, Tensor]:
        """Weights, masters and state."""
        state = optimizer_tensors(self.optimizer, self.weights)
        kept = {f"optimizer/{name}": value.detach().clone() for name, value in state.items()}
        own = {f"model/{name}": value.detach().clone() for name, value in self.model.named_parameters()}
        return own | kept


def _batch(number: int, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(_SEED + 1 + number)
    return torch.randint(_VOCAB, (_LENGTH + 1,), generator=generator).to(device)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _training(
    subject: Subject,
    *,
    lr: float = 1e-2,
    dtype: torch.dtype = torch.float32,
    model: nn.Module | None = None,
    weight_decay: float = 0.0,
    ratios: tuple[float, float] = (1.0, 1.0),
    device: torch.device | None = None,
) -> _Training:
    """Matrices are one group, all else another.

    Args:
        weight_decay: of the matrices.
        ratios: `lr_ratio` of the groups.
    """
    model = (model or _Predictor(dtype)).to(device or _device())
    weights = MasterWeights(model)
    groups: list[dict[str, Any]] = []
    for matrices, decay, ratio in ((True, weight_decay, ratios[0]), (False, 0.0, ratios[1])):
        chosen = [(name, p) for name, p in weights.named_masters() if (p.ndim >= 2) is matrices]
        if chosen:
            names, params = [name for name, _ in chosen], [p for _, p in chosen]
            groups.append(
                {
                    "params": params,
                    "names": names,
                    "roles": [_ROLES.get(name.partition(".")[0], "") for name in names],
                    "weight_decay": decay,
                    "lr_ratio": ratio,
                }
            )
    section = TrainingSection(lr=lr, weight_decay=weight_decay)
    optimizer: torch.optim.Optimizer = subject.load()(groups, section, subject.options)
    return _Training(model, weights, optimizer, lr)


def _with_gradients(training: _Training, scale: float) -> None:
    """Give each parameter a gradient that is the same each time."""
    generator = torch.Generator().manual_seed(_SEED)
    for _, master in training.weights.named_masters():
        drawn = torch.randn(master.shape, generator=generator) * scale
        master.grad = drawn.to(master.device)


def _differing(found: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    """The names whose tensors are not the same bit for bit."""
    names = sorted(found.keys() ^ expected.keys())
    return names + [name for name in expected if name in found and not _same(found[name], expected[name])]


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a.cpu(), b.cpu())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _is_an_optimizer(subject: Subject) -> None:
    made: object = _training(subject).optimizer
    expect(
        isinstance(made, torch.optim.Optimizer),
        f"made {type(made).__name__}, which is no torch.optim.Optimizer",
    )


def _lowers_the_loss(dtype: torch.dtype, subject: Subject) -> None:
    falls: dict[float, tuple[float, float]] = {}
    for lr in _RATES:
        training = _training(subject, lr=lr, dtype=dtype)
        losses = [training.step() for _ in range(_STEPS)]
        if losses[-1] < 0.8 * losses[0]:
            return
        falls[lr] = (losses[0], losses[-1])
    told = "; ".join(f"{lr:g}: from {first:.3f} to {last:.3f}" for lr, (first, last) in falls.items())
    expect(False, f"no learning rate lowers the loss by a fifth in {_STEPS} steps of one batch: {told}")


def _lowers_it_in_float32(subject: Subject) -> None:
    _lowers_the_loss(torch.float32, subject)


def _lowers_it_in_bf16(subject: Subject) -> None:
    _lowers_the_loss(torch.bfloat16, subject)


def _keeps_still_without_rate(subject: Subject) -> None:
    training = _training(subject, lr=1e-2, weight_decay=0.1)
    training.step()
    before = training.masters()
    training.lr = 0.0
    training.step()
    changed = _differing(training.masters(), before)
    expect(not changed, f"a step with a learning rate of 0 changes {_listed(changed)}")


def _obeys_the_groups_rates(subject: Subject) -> None:
    training = _training(subject, ratios=(1.0, 0.0))
    before = training.masters()
    for step in range(3):
        training.step(step)
    changed = set(_differing(training.masters(), before))
    still = {name for name, value in before.items() if value.ndim < 2}
    expect(
        not changed & still,
        f"a group with lr_ratio 0 changes: {_listed(sorted(changed & still))}; "
        "its lr and lr_ratio must stand in param_groups as they were given",
    )
    expect(
        changed == before.keys() - still,
        f"a group with a learning rate does not change: {_listed(sorted(before.keys() - still - changed))}",
    )


def _obeys_the_groups_decay(subject: Subject) -> None:
    plain, decayed = _training(subject), _training(subject, weight_decay=0.5)
    for training in (plain, decayed):
        _with_gradients(training, 1e-3)
        training.update()
    found, without = decayed.masters(), plain.masters()
    for name, value in found.items():
        if value.ndim < 2:
            expect(_same(value, without[name]), f"{name} decays in a group of weight_decay 0")
        else:
            expect(
                float(value.norm()) < (1 - 1e-4) * float(without[name].norm()),
                f"{name} does not shrink in a group of weight_decay 0.5",
            )


def _passes_over_what_took_no_part(subject: Subject) -> None:
    training = _training(subject, weight_decay=0.1)
    idle = "up_proj.weight"
    before = training.masters()[idle]
    for _ in range(2):
        _with_gradients(training, 1e-2)
        dict(training.weights.named_masters())[idle].grad = None
        training.update()
    expect(_same(training.masters()[idle], before), f"{idle}, which has no gradient, is changed")


def _goes_on_from_a_file(subject: Subject) -> None:
    for dtype in (torch.float32, torch.bfloat16):
        whole = _training(subject, dtype=dtype, weight_decay=0.1)
        for step in range(6):
            whole.step(step)
        first = _training(subject, dtype=dtype, weight_decay=0.1)
        for step in range(3):
            first.step(step)
        second = _training(subject, dtype=dtype, weight_decay=0.1)
        _hand_over(first, second, subject.folder)
        restored = _differing(second.everything(), first.everything())
        expect(not restored, f"after saving and loading these are other tensors: {_listed(restored)}")
        for step in range(3, 6):
            second.step(step)
        changed = _differing(second.everything(), whole.everything())
        expect(not changed, f"3 steps, saved, loaded and 3 more are not 6 steps: {_listed(changed)} differ")


def _hand_over(first: _Training, second: _Training, folder: Path) -> None:
    """By a checkpoint's two files."""
    model = {name: value.detach().contiguous() for name, value in first.model.named_parameters()}
    save_file(model, folder / "model.safetensors")
    state = optimizer_tensors(first.optimizer, first.weights)
    save_file(
        {name: value.detach().cpu().contiguous() for name, value in state.items()},
        folder / "optimizer.safetensors",
    )
    second.model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    load_optimizer_tensors(second.optimizer, second.weights, load_file(folder / "optimizer.safetensors"))


def _is_deterministic(subject: Subject) -> None:
    ends = []
    for disturbance in (0, 99):
        training = _training(subject)
        for step in range(3):
            torch.manual_seed(disturbance)  # each process seeds by its own rows: what it draws is its own
            training.step(step)
        ends.append(training.everything())
    changed = _differing(*ends)
    expect(not changed, f"two trainings that are the same end in different tensors: {_listed(changed)}")


def _needs_what_it_says(subject: Subject) -> None:
    entry = subject.entry
    assert isinstance(entry, OptimizerEntry)
    model = nn.ModuleDict({"up_proj": nn.Linear(512, 256, bias=False)})
    training = _training(subject, model=model)
    _with_gradients(training, 1e-2)
    training.update()
    state = optimizer_tensors(training.optimizer, training.weights)
    found = sum(value.nbytes for value in state.values()) / (512 * 256)
    expect(
        abs(found - entry.state_bytes) <= 0.25 * max(found, entry.state_bytes, 0.4),
        f"keeps {found:.2f} bytes for each parameter of a matrix; the entry says {entry.state_bytes:g}",
    )


def _shares_the_work(subject: Subject) -> None:
    alone = _numbers(_share_of_training(subject, range(_ROWS)))
    parts = on_processes(f"{__name__}:work_of_a_process", subject)
    for name in alone:
        expect(_same(parts[0][name], parts[1][name]), f"two processes end with different {name}")
        norm = float(alone[name].norm())
        apart = float((parts[0][name] - alone[name]).norm()) / (norm or 1.0)
        expect(apart <= 1e-5, f"two processes end {apart:.1e} from one in {name}")


_ROWS = 6


def work_of_a_process(subject: Subject) -> dict[str, Tensor]:
    """In one of several processes: train on a share of each batch; gradients are summed over all."""
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    try:
        rank, count = dist.get_rank(), dist.get_world_size()
        share = range(rank * _ROWS // count, (rank + 1) * _ROWS // count)
        trained = _numbers(_share_of_training(subject, share, dist.all_reduce))
        dist.barrier()
        return trained
    finally:
        dist.destroy_process_group()


def _share_of_training(subject: Subject, share: range, sum_: Any = None) -> _Training:
    """Some steps whose gradients are sums of numbers that float32 adds exactly, in whatever order."""
    training = _training(subject, weight_decay=0.1, device=torch.device("cpu"))
    for step in range(4):
        for name, master in training.weights.named_masters():
            rows = (_row(step, row, name, master.shape) for row in share)
            master.grad = sum(rows, torch.zeros_like(master))
            if sum_ is not None:
                sum_(master.grad)
        training.update()
    return training


def _row(step: int, row: int, name: str, shape: torch.Size) -> Tensor:
    """The gradient of one row: multiples of 2⁻¹⁰."""
    digest = hashlib.sha256(f"{step}/{row}/{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:6], "big"))
    return torch.randint(-512, 513, tuple(shape), generator=generator) / 1024


def _numbers(training: _Training) -> dict[str, Tensor]:
    return {name: value.cpu() for name, value in training.masters().items()}


def _checks() -> Iterator[Check]:
    yield Check("is a torch.optim.Optimizer", _is_an_optimizer)
    yield Check("lowers the loss in float32", _lowers_it_in_float32)
    yield Check("lowers the loss in bf16 with float32 masters", _lowers_it_in_bf16)
    yield Check("changes nothing at a learning rate of 0", _keeps_still_without_rate)
    yield Check("obeys each group's learning rate", _obeys_the_groups_rates)
    yield Check("obeys each group's weight decay", _obeys_the_groups_decay)
    yield Check("passes over parameters without a gradient", _passes_over_what_took_no_part)
    yield Check("is deterministic", _is_deterministic)
    yield Check("goes on from a checkpoint bit for bit", _goes_on_from_a_file)
    yield Check("keeps as many bytes as its entry says", _needs_what_it_says)
    yield Check("works on two processes", _shares_the_work)


CHECKS = tuple(_checks())
