"""Settings that take less memory, each with what it would need for this job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from brahma.core.config import Config
from brahma.core.sizes import size
from brahma.train.estimate import Job, estimate
from brahma.train.methods import methods

MARGIN = 0.9  # estimates are off by a tenth or so: what fits must leave that much


@dataclass(frozen=True)
class Remedy:
    """A change of settings that takes less memory.

    Attributes:
        setting: the keys with their values.
        needs: bytes, by the estimate.
        effect: what else it does.
    """

    setting: str
    needs: float
    effect: str

    def fits(self, budget: float) -> bool:
        """Whether it needs clearly less than so many bytes."""
        return self.needs <= MARGIN * budget


def remedies(job: Job, config: Config, budget: float) -> list[Remedy]:
    """What takes less memory than the job: what fits first, and of that the one that costs least.

    Args:
        budget: bytes that can be had. Of all smaller batches the largest that fits is named, or else the
            smallest.
    """
    found = [
        *_in_low_precision(job),
        Remedy("async_save false", _needs(replace(job, async_save=False)), "slower saves"),
        *_smaller_batch(job, config, budget),
        Remedy("gradient_checkpointing true", _needs(replace(job, checkpointing=True)), "slower steps"),
        Remedy("all of these, batch_size 1", _needs(_smallest(job)), "slowest"),
        *_shorter(job),
        *_adapters(job, config),
    ]
    helping = [each for each in found if each.needs < _needs(job)]
    return sorted(helping, key=lambda each: not each.fits(budget))


def table(found: list[Remedy], budget: float) -> str:
    """A line for each, of 74 characters at most: a terminal of 80 indents a hint."""
    width = max(len(each.setting) for each in found)
    return "\n".join(
        f"{each.setting:<{width}}  {size(each.needs):>7}  "
        f"{'fits' if each.fits(budget) else '-   '}  {each.effect}"
        for each in found
    )


def _needs(job: Job) -> float:
    return estimate(job).total


def _in_low_precision(job: Job) -> Iterator[Remedy]:
    if job.precision == "float32":
        yield Remedy("bf16 true", _needs(replace(job, precision="bf16")), "faster, often")


def _smaller_batch(job: Job, config: Config, budget: float) -> list[Remedy]:
    """One, with as many accumulation steps more, so that the global batch stays."""
    found: list[Remedy] = []
    for parts in (n for n in range(2, job.batch_size + 1) if job.batch_size % n == 0):
        setting = f"batch_size {job.batch_size // parts}"
        if config.training.global_batch_size is None:
            steps = config.training.gradient_accumulation_steps * parts
            setting += f", gradient_accumulation_steps {steps}"
        smaller = replace(job, batch_size=job.batch_size // parts, accumulates=True)
        found.append(Remedy(setting, _needs(smaller), "same maths"))
    fitting = [each for each in found if each.fits(budget)]
    return fitting[:1] or found[-1:]


def _smallest(job: Job) -> Job:
    least = replace(job, batch_size=1, accumulates=True, async_save=False, checkpointing=True)
    if job.precision != "float32":
        return least
    return min(least, replace(least, precision="bf16"), key=_needs)  # a large model's masters outweigh bf16


def _shorter(job: Job) -> Iterator[Remedy]:
    if job.seq_length > 1:
        half = replace(job, seq_length=job.seq_length // 2)
        yield Remedy(f"data_config.seq_length {half.seq_length}", _needs(half), "shorter texts")


def _adapters(job: Job, config: Config) -> Iterator[Remedy]:
    """For a base model alone: the frozen weights of a new one would be random."""
    if config.model.base_model is None or config.training.freeze or config.training.train_only:
        return
    ways = {each.method: each.needs for each in methods(job)}
    if config.lora is None:
        yield Remedy('"lora_config": {}', ways["LoRA"], "LoRA: adapters learn")
        yield Remedy('"lora_config": {}, "quantization": {}', ways["QLoRA"], "QLoRA: on 4 bits")
    elif config.quantization is None:
        yield Remedy('"quantization": {}', ways["QLoRA"], "QLoRA: base in 4 bits")
