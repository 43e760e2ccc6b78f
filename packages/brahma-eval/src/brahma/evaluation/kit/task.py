"""What a task does, on a tiny model with random weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brahma.core.kit.checks import Check, Subject, expect

if TYPE_CHECKING:
    from brahma.evaluation.evaluator import Evaluator

_TEXTS = (
    "The ferry left the old harbour before dawn, and nobody on the quiet shore noticed it.",
    "Question: what is 2 + 2? Answer: 4. Naïve café owners count 🙂 too.",
)


def gives_figures(subject: Subject) -> None:
    """Names and finite numbers."""
    figures = _run(subject, _evaluator(subject.folder))
    expect(isinstance(figures, Mapping), f"it gives {type(figures).__name__}; wanted: names and numbers")
    expect(len(figures) > 0, "it gives no figure")
    for name, value in figures.items():
        expect(isinstance(name, str), f"a figure is called {name!r}; wanted: a text")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        expect(is_number and math.isfinite(value), f"{name} is {value!r}; wanted: a finite number")


def gives_the_same_again(subject: Subject) -> None:
    """The same model has the same figures, by the same evaluator and by another one."""
    evaluator = _evaluator(subject.folder)
    first = _comparable(_run(subject, evaluator))
    for which, found in (
        ("a second time", _run(subject, evaluator)),
        ("with the model loaded anew", _run(subject, _loaded(subject.folder))),
    ):
        expect(first == _comparable(found), f"it gives {first}, and {which} {_comparable(found)}")


def leaves_the_model_alone(subject: Subject) -> None:
    """Weights, and what is computed with gradients, are as before."""
    evaluator = _evaluator(subject.folder)
    before = _state(evaluator)
    _run(subject, evaluator)
    changed = sorted(name for name, value in _state(evaluator).items() if before.get(name) != value)
    expect(not changed, f"it changes the model: {', '.join(changed[:3])}")


def _run(subject: Subject, evaluator: Evaluator) -> Any:
    return subject.load()(evaluator, subject.options)


def _comparable(figures: Any) -> Any:
    """NaN equals itself here: whether a figure is finite is another check."""
    return {name: str(value) for name, value in figures.items()} if isinstance(figures, Mapping) else figures


def _state(evaluator: Evaluator) -> dict[str, str]:
    """A digest of each tensor, and the model's mode."""
    from hashlib import sha256

    tensors = evaluator.model.state_dict().items()
    digests = {name: sha256(value.cpu().numpy().tobytes()).hexdigest() for name, value in tensors}
    return {**digests, "training mode": str(evaluator.model.training)}


def _evaluator(folder: Path) -> Evaluator:
    """An evaluator of a tiny model that is made in the folder: two layers, 32 wide, random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from brahma.core.models.loading import no_progress_bar
    from brahma.data.tokenizer import train_tokenizer

    tokenizer = train_tokenizer([*_TEXTS] * 20, vocab_size=320, min_frequency=2)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = LlamaForCausalLM(config)
    with no_progress_bar():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return _loaded(folder)


def _loaded(folder: Path) -> Evaluator:
    from brahma.evaluation.evaluator import Evaluator

    return Evaluator(folder, device="cpu", dtype="float32", batch_size=2)


CHECKS = (
    Check("gives figures", gives_figures),
    Check("gives the same figures again", gives_the_same_again),
    Check("leaves the model alone", leaves_the_model_alone),
)
