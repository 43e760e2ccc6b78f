"""Memory that does not suffice: said before it is taken, explained when it ran out, in numbers."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from brahma.core.config import Config
from brahma.core.errors import TrainingError
from brahma.core.presets import PRESETS
from brahma.core.sizes import size
from brahma.core.spec import ModelSpec, human_count
from brahma.train.estimate import Job, Memory, Precision, estimate, job_of, shape_of
from brahma.train.monitor import Notice
from brahma.train.remedies import MARGIN, remedies, table
from brahma.train.room import find_room


def refuse_too_large(spec: ModelSpec, config: Config, backend: str) -> None:
    """Refuse a model whose weights, gradients and optimizer exceed the device, before it is loaded.

    Args:
        backend: the chosen one. One that is not ours may share the memory among devices: it is let pass.

    Raises:
        TrainingError: with the numbers and the settings that would fit.
        ModelError: a base model's configuration cannot be read.
    """
    if backend != "single":
        return
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision: Precision = "bf16" if config.training.bf16 else "float32"  # the latter keeps less
    job = job_of(config, shape_of(spec, config), precision=precision, device=device)
    memory, room = estimate(job), find_room(device)
    if memory.fixed > room.whole:
        raise TrainingError(
            f"the model is too large to train here: {size(memory.fixed)} before the first token, "
            f"and the {_name(device)} has {size(room.whole)}",
            where="model_config",
            why=f"{_fixed(job, memory)}; nothing was loaded",
            hint=_hint(job, config, room.whole),
        )


def tight_memory(job: Job, config: Config) -> list[Notice]:
    """What to say before training starts when the estimate is more than what is free."""
    memory, room = estimate(job), find_room(job.device)
    if memory.total <= room.free:
        return []
    found = remedies(job, config, room.free)
    fitting = [each for each in found if each.fits(room.free)]
    return [
        Notice(
            f"this training needs about {size(memory.total)}, and {size(room.free)} are free: memory may run "
            f"out ({_fixed(job, memory)}; {_moving(job, memory)})",
            f"{fitting[0].setting}: about {size(fitting[0].needs)}" if fitting else "a smaller model",
        )
    ]


@contextmanager
def out_of_memory(job: Job, config: Config) -> Iterator[None]:
    """Turn an allocation that failed inside into a TrainingError with numbers and remedies."""
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        if not is_out_of_memory(error):
            raise
        raise _explained(job, config, str(error)) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed."""
    import torch

    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return known or "DefaultCPUAllocator: can't allocate memory" in str(error)


def _explained(job: Job, config: Config, cause: str) -> TrainingError:
    memory, room = estimate(job), find_room(job.device)
    said = cause.strip().splitlines()[0][:160] if cause.strip() else "no more memory"
    budget = min(room.free, memory.total)  # it ran out: there is less, even where more seems free
    return TrainingError(
        f"out of memory with batch_size {job.batch_size} × seq_length {job.seq_length} "
        f"= {job.tokens:,} tokens",
        why=f"about {size(memory.total)} are needed, the {_name(job.device)} has {size(room.free)} for it: "
        f"{_fixed(job, memory)}; {_moving(job, memory)} ({said})",
        hint=f"{_hint(job, config, budget)}\nthen the same command with --resume auto",
    )


def _hint(job: Job, config: Config, budget: float) -> str:
    found = remedies(job, config, budget)
    smaller = _smaller_preset(job, config, budget)
    if not found:
        return f"train a smaller model{smaller}"
    if any(each.fits(budget) for each in found):
        head = f"set one of these, in training_config if it names no section (its need, of {size(budget)}):"
    else:
        whole = size(estimate(job).total)
        head = f"train a smaller model{smaller}: none of these fits in {size(budget)} (as it is: {whole}):"
    return f"{head}\n{table(found, budget)}"


def _smaller_preset(job: Job, config: Config, budget: float) -> str:
    """`, as "preset": "micro" (1.6 GB)`: the largest that fits; nothing where the model is no preset."""
    if config.model.preset is None:
        return ""
    shapes = ((name, shape_of(ModelSpec.preset(name), config)) for name in PRESETS)
    needs = [(name, estimate(replace(job, shape=shape)).total) for name, shape in shapes]
    fitting = [f', as "preset": "{name}" ({size(need)})' for name, need in needs if need <= MARGIN * budget]
    return fitting[-1] if fitting else ""


def _fixed(job: Job, memory: Memory) -> str:
    """What is there before the first token; of adapters and frozen parts, how much is trained."""
    stored = (
        job.precision if job.adapters is None or job.adapters.bits is None else f"{job.adapters.bits} bits"
    )
    some = job.trained < job.shape.parameters
    trained = f", {human_count(job.trained)} of them are trained:" if some else ", their"
    if job.adapters is not None:
        trained = f", {human_count(job.trained)} in adapters are trained:"
    return (
        f"{human_count(job.shape.parameters)} parameters in {stored} take {size(memory.weights)}"
        f"{trained} gradients {size(memory.gradients)}, the optimizer {size(memory.optimizer)}"
    )


def _moving(job: Job, memory: Memory) -> str:
    copies = f", copies for checkpoints {size(memory.copies)}" if memory.copies else ""
    return f"activations of {job.tokens:,} tokens {size(memory.activations)}{copies}"


def _name(device: str) -> str:
    return "GPU" if device.startswith("cuda") else "machine"
