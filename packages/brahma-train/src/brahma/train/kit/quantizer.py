"""What a quantizer does: little is lost, groups are those asked for, gradients pass, files hold all of it.

Weights are Gaussian: those of a fresh `nn.Linear` are uniform, so that the scales of all groups are alike and
a quantizer that mixes them up looks right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from brahma.core.entries import QuantizedFormat, QuantizerEntry
from brahma.core.kit import Check, CheckSkippedError, Subject, expect
from brahma.core.models.quantization.contract import QuantizedLayers, Quantizer

_ERROR = {4: 0.2, 8: 0.03}
"""Relative Frobenius error of the weights that is allowed, by bits."""
_WORSE_THAN_ROUNDING = 1.5
_AGREES = 0.02
"""How far products may be from those of the dequantized weight: some quantizers round the input as well."""
_LARGEST_GROUP = 512
_OUT, _ROW_WIDTH, _BATCH = 48, 192, 24
_OUTLIER = 1e4


@dataclass(frozen=True)
class _Case:
    """A layer in one format, on one device.

    Attributes:
        linear: what was quantized; its own copy.
    """

    quantizer: Quantizer
    settings: QuantizedLayers
    group_size: int | None
    linear: nn.Linear

    def __str__(self) -> str:
        group = "row" if self.group_size is None else self.group_size
        double = ", scales quantized" if self.settings.double_quantization else ""
        form = self.settings.format
        return f"{form.type}, {form.bits} bits, group size {group}{double}, {self.settings.device.type}"

    @property
    def bits(self) -> int:
        return self.settings.format.bits

    def quantized(self, linear: nn.Linear | None = None) -> nn.Module:
        """The layer anew, of that weight or of another."""
        return self.quantizer.quantize(_copy(linear or self.linear), self.group_size)

    def inputs(self, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(_BATCH, self.linear.in_features, generator=generator)
        return drawn.to(self.settings.device)


def _cases(subject: Subject, *, double: bool = True, every_group: bool = True) -> Iterator[_Case]:
    """Each format of the entry with each group size, on each device that is here.

    Args:
        double: with quantized scales as well, where a format has them.
        every_group: else the first size alone.
    """
    entry = subject.entry
    assert isinstance(entry, QuantizerEntry)
    found = False
    for form in entry.formats:
        for device in filter(_is_here, form.devices):
            found = True
            for doubled in (False, True) if double and form.double_quantization else (False,):
                settings = QuantizedLayers(
                    format=form,
                    double_quantization=doubled,
                    compute_dtype=torch.float32,
                    device=torch.device(device),
                )
                quantizer: Quantizer = subject.load()(settings, subject.options)
                sizes = _group_sizes(form)
                for size in sizes if every_group else sizes[:1]:
                    yield _Case(quantizer, settings, size, _linear(size, settings.device))
    if not found:
        raise CheckSkippedError("none of the devices that its formats name is here")


def _is_here(device: str) -> bool:
    return device == "cpu" or (device == "cuda" and torch.cuda.is_available())


def _group_sizes(form: QuantizedFormat) -> tuple[int | None, ...]:
    return tuple(size for size in form.group_sizes if size <= _LARGEST_GROUP) or (None,)


def _linear(group_size: int | None, device: torch.device) -> nn.Linear:
    """Rows of several widths of distribution; three groups a row."""
    width = _ROW_WIDTH if group_size is None else 3 * max(group_size, 32)
    linear = nn.Linear(width, _OUT)
    generator = torch.Generator().manual_seed(width)
    with torch.no_grad():
        linear.weight.copy_(torch.randn(_OUT, width, generator=generator))
        linear.weight.mul_(torch.tensor([0.01, 0.05, 1.0]).repeat(_OUT // 3)[:, None])
        linear.bias.copy_(torch.randn(_OUT, generator=generator))
    return linear.to(device)


def _copy(linear: nn.Linear) -> nn.Linear:
    copied = nn.Linear(linear.in_features, linear.out_features, device=linear.weight.device)
    copied.load_state_dict(linear.state_dict())
    return copied


def _weight(case: _Case, layer: nn.Module) -> Tensor:
    weight = case.quantizer.dequantize(layer).detach()
    shape = (case.linear.out_features, case.linear.in_features)
    expect(tuple(weight.shape) == shape, f"{case}: dequantize gives {tuple(weight.shape)}, not {shape}")
    return weight.float()


def _apart(found: Tensor, expected: Tensor) -> float:
    """Relative difference; not finite counts as infinitely far."""
    found, expected = found.detach().float(), expected.detach().float()
    distance = float((found - expected).norm()) / (float(expected.norm()) or 1.0)
    return distance if math.isfinite(distance) else math.inf


def _rounded(case: _Case) -> Tensor:
    """The weight, plainly rounded to multiples of its group's largest value."""
    weight = case.linear.weight.detach()
    groups = weight.reshape(len(weight), -1, case.group_size or weight.shape[1])
    step = groups.abs().amax(-1, keepdim=True) / (2 ** (case.bits - 1) - 1)
    rounded: Tensor = (groups / step).round() * step
    return rounded.reshape(weight.shape)


def _loses_little(subject: Subject) -> None:
    for case in _cases(subject):
        weight = case.linear.weight.detach()
        error = _apart(_weight(case, case.quantized()), weight)
        plain = _WORSE_THAN_ROUNDING * _apart(_rounded(case), weight)
        allowed = min(_ERROR.get(case.bits, math.inf), plain)
        expect(error <= allowed, f"{case}: the weights are off by {error:.3f}; at most {allowed:.3f} may be")


def _honours_groups(subject: Subject) -> None:
    """One weight that is far larger than all others spoils those that share its scale, and no others."""
    for case in _cases(subject, double=False):
        weight = case.linear.weight.detach()
        size = case.group_size or weight.shape[1]
        row, first = 7, (size if case.group_size else 0)
        spoilt = _copy(case.linear)
        with torch.no_grad():
            spoilt.weight[row, first] = _OUTLIER * weight[row].abs().max()
        found = _weight(case, case.quantized(spoilt))
        lost = ((found - weight).abs() > 0.5 * weight.abs()).float()
        lost[row, first] = 1.0
        piece = math.gcd(size, 32)
        bad = lost.reshape(len(weight), -1, piece).mean(-1) > 0.75  # small weights are often off by half
        expected = torch.zeros_like(bad)
        expected[row, first // piece : (first + size) // piece] = True
        expect(
            bool((bad == expected).all()),
            f"{case}: {int(bad.sum()) * piece} weights share the scale of one, not {size}",
        )


def _agrees_with_its_weight(subject: Subject) -> None:
    for case in _cases(subject):
        layer, x = case.quantized(), case.inputs()
        expected = nn.functional.linear(x, _weight(case, layer), case.linear.bias)
        for training in (True, False):
            layer.train(training)
            with torch.no_grad():
                apart = _apart(layer(x), expected)
            mode = "train" if training else "eval"
            expect(apart <= _AGREES, f"{case}: forward ({mode}) is {apart:.3f} from the dequantized weight's")


def _passes_gradients(subject: Subject) -> None:
    for case in _cases(subject):
        layer, x = case.quantized(), case.inputs().requires_grad_()
        along = case.inputs(2)[:, :_OUT]
        output: Tensor = layer(x)
        expect(output.requires_grad, f"{case}: no gradient flows to the input")
        torch.autograd.backward((output * along).sum())
        expect(x.grad is not None, f"{case}: no gradient flows to the input")
        assert x.grad is not None
        apart = _apart(x.grad, along @ _weight(case, layer))
        expect(apart <= _AGREES, f"{case}: the input's gradient is {apart:.3f} from the dequantized weight's")


def _is_frozen(subject: Subject) -> None:
    for case in _cases(subject, every_group=False):
        layer = case.quantized()
        torch.autograd.backward(layer(case.inputs().requires_grad_()).sum())
        trained = [
            name
            for name, p in layer.named_parameters()
            if name != "bias" and (p.requires_grad or p.grad is not None)
        ]
        expect(not trained, f"{case}: {', '.join(trained)} would be trained")


def _evaluates_without_a_trace(subject: Subject) -> None:
    for case in _cases(subject):
        layer = case.quantized()
        before = _behaviour(case, layer)
        layer.eval()
        with torch.no_grad():
            layer(case.inputs(3))
            layer(case.inputs(3)[:1])
        with torch.inference_mode():
            layer(case.inputs(3)[:1])
        layer.train()
        for what, value in _behaviour(case, layer).items():
            expect(torch.equal(value, before[what]), f"{case}: an evaluation changes {what}")


def _behaviour(case: _Case, layer: nn.Module) -> dict[str, Tensor]:
    x = case.inputs().requires_grad_()
    output: Tensor = layer(x)
    torch.autograd.backward((output * case.inputs(2)[:, :_OUT]).sum())
    gradient = x.grad if x.grad is not None else torch.zeros(0)
    weight = _weight(case, layer)
    return {"what dequantize gives": weight, "the output": output.detach(), "the gradient": gradient}


def _keeps_the_bias(subject: Subject) -> None:
    for case in _cases(subject, every_group=False):
        layer = case.quantized()
        with torch.no_grad():
            output = layer(torch.zeros_like(case.inputs()))
        expect(_apart(output[0], case.linear.bias) <= 1e-5, f"{case}: the bias is lost or changed")
        bare = nn.Linear(case.linear.in_features, _OUT, bias=False, device=case.linear.weight.device)
        with torch.no_grad():
            bare.weight.copy_(case.linear.weight)
            output = case.quantizer.quantize(bare, case.group_size)(torch.zeros_like(case.inputs()))
        expect(not output.any(), f"{case}: a layer without a bias has one")


def _goes_through_a_file(subject: Subject) -> None:
    for number, case in enumerate(_cases(subject)):
        layer = case.quantized()
        path = subject.folder / f"{number}.safetensors"
        kept = {name: value.detach().clone() for name, value in case.quantizer.tensors(layer).items()}
        save_file({name: value.cpu().contiguous() for name, value in kept.items()}, path)
        loaded = {name: value.to(case.settings.device) for name, value in load_file(path).items()}
        sizes = {"in_features": case.linear.in_features, "out_features": case.linear.out_features}
        restored = case.quantizer.layer(loaded, **sizes)
        again = case.quantizer.tensors(restored)
        changed = sorted(name for name in kept.keys() | again.keys() if not _same(kept, again, name))
        expect(not changed, f"{case}: after saving and loading {', '.join(changed)} are other tensors")
        before = _behaviour(case, layer)
        for what, value in _behaviour(case, restored).items():
            expect(torch.equal(value, before[what]), f"{case}: saving and loading changes {what}")


def _same(first: dict[str, Tensor], second: dict[str, Tensor], name: str) -> bool:
    if name not in first or name not in second or first[name].dtype != second[name].dtype:
        return False
    return torch.equal(first[name].cpu(), second[name].cpu())


def _is_small(subject: Subject) -> None:
    for case in _cases(subject):
        layer, weight = case.quantized(), case.linear.weight
        held = {value.data_ptr(): value.nbytes for value in _weights_of(case, layer)}
        found, groups = sum(held.values()), weight.numel() / (case.group_size or weight.shape[1])
        allowed = weight.numel() * case.bits / 8 + 8 * groups + _FIXED
        expect(found <= allowed, f"{case}: {found} bytes hold {weight.numel()} weights; {allowed:.0f} would")


_FIXED = 4096
"""Bytes that a layer may take whatever its size, such as a table of codes."""


def _weights_of(case: _Case, layer: nn.Module) -> Iterator[Tensor]:
    """All that stands for the weight: in memory and in a file, the same tensor once."""
    everything = [*case.quantizer.tensors(layer).items(), *layer.state_dict().items()]
    yield from (value for name, value in everything if name != "bias")
    yield from (value for name, value in layer.named_parameters() if name != "bias")
    yield from layer.buffers()


def _carries_adapters(subject: Subject) -> None:
    for case in _cases(subject, every_group=False):
        layer, x = case.quantized(), case.inputs()
        generator = torch.Generator().manual_seed(4)
        a = (torch.randn(8, x.shape[1], generator=generator) / 16).to(x.device).requires_grad_()
        b = torch.zeros(_OUT, 8, device=x.device).requires_grad_()
        first = (torch.randn(x.shape[1], x.shape[1], generator=generator) / 16).to(x.device).requires_grad_()
        target = (x @ torch.randn(x.shape[1], _OUT, generator=generator).to(x.device)).sin()
        optimizer = torch.optim.AdamW([a, b, first], lr=1e-2)
        losses = []
        for _ in range(30):
            inner = x + (x @ first).tanh()  # below the layer: its gradient comes through the layer
            output: Tensor = layer(inner) + inner @ a.T @ b.T
            loss = (output - target).square().mean()
            losses.append(float(loss.detach()))
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        told = f"{losses[0]:.3f} to {losses[-1]:.3f}"
        expect(losses[-1] < 0.7 * losses[0], f"{case}: adapters on it lower a loss only from {told}")


def _checks() -> Iterator[Check]:
    yield Check("loses little", _loses_little)
    yield Check("honours the group size", _honours_groups)
    yield Check("computes with the weight that it dequantizes to", _agrees_with_its_weight)
    yield Check("passes gradients to its input", _passes_gradients)
    yield Check("is frozen", _is_frozen)
    yield Check("evaluates without leaving a trace", _evaluates_without_a_trace)
    yield Check("keeps the bias", _keeps_the_bias)
    yield Check("is the same after a file", _goes_through_a_file)
    yield Check("takes less memory", _is_small)
    yield Check("carries adapters that learn", _carries_adapters)


CHECKS = tuple(_checks())
