"""The two sides: Brahma's own Trainer, and the Hugging Face Trainer doing the same work.

Each function trains once in this process and says how fast it was. Both log every step, clip, decay the
matrices only, use the fused AdamW, and write one checkpoint after the last step.
"""

from __future__ import annotations

import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar, cast

from benchmarks.workload import Workload

if TYPE_CHECKING:
    from transformers import PreTrainedModel

T = TypeVar("T")

MATRIX_SECONDS = 0.5
OURS, PEER = "brahma", "transformers"
KINDS: dict[str, dict[str, bool]] = {
    "float32": {"bf16": False, "compile": False},
    "bf16": {"bf16": True, "compile": False},
    "bf16-compile": {"bf16": True, "compile": True},
}
VARIANTS = tuple(f"{side}-{kind}" for kind in KINDS for side in (PEER, OURS))


@dataclass(frozen=True)
class Measurement:
    """One run of one variant.

    Attributes:
        first_step_seconds: from before the model is built to the end of the first step.
        step_seconds: wall time of each step but the first, everything between two steps included.
        tokens_per_step: supervised tokens.
        losses: of each step.
        matrix_rates: FLOP/s by dtype, the higher of before and after the training.
        peak_bytes: the process's highest resident memory.
    """

    variant: str
    first_step_seconds: float
    step_seconds: list[float]
    tokens_per_step: int
    losses: list[float]
    matrix_rates: dict[str, float]
    peak_bytes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(variant: str, workload: Workload) -> Measurement:
    """Train `variant` once; the matrix rate is taken before and after, in this process.

    Raises:
        AssertionError: the loss did not fall.
    """
    import torch

    from brahma.core.environment import cores

    torch.set_num_threads(cores())
    side, _, kind = variant.partition("-")
    train: Callable[..., Measurement] = {OURS: train_brahma, PEER: train_transformers}[side]
    before = _matrix_rates()
    measured = train(variant, workload, **KINDS[kind])
    peak = _peak_bytes()  # before the matrices are made again
    after = _matrix_rates()
    assert measured.losses[-1] < measured.losses[0] - 0.1, f"the loss did not fall: {measured.losses}"
    assert len(measured.losses) == workload.steps
    highest = {dtype: max(rate, after[dtype]) for dtype, rate in before.items()}
    return replace(measured, matrix_rates=highest, peak_bytes=peak)


def train_brahma(variant: str, workload: Workload, *, bf16: bool, compile: bool) -> Measurement:
    """Brahma through its public Trainer, read from the run's own metrics; float32 masters in any case."""
    from brahma import Dataset, Trainer

    name = f"{variant}-{time.time_ns()}"
    started = time.time()
    run = Trainer(
        workload.spec(),
        Dataset.from_file(workload.text),
        run_name=name,
        max_steps=workload.steps,
        logging_steps=1,
        bf16=bf16,
        fp16=False,
        compile=compile,
        **workload.options(),
    ).fit()
    rows = run.metrics()
    shutil.rmtree(run.directory)  # its checkpoint is large
    # A row's rate is over the time since the row before it, so one step with its logging.
    tokens = [rows[0]["train/tokens"], *(b["train/tokens"] - a["train/tokens"] for a, b in _pairs(rows))]
    assert set(tokens) == {workload.tokens_per_step}, "every step trains on the same number of tokens"
    return Measurement(
        variant=variant,
        first_step_seconds=rows[0]["time"] - started,
        step_seconds=[workload.tokens_per_step / row["rate/tokens_per_second"] for row in rows[1:]],
        tokens_per_step=workload.tokens_per_step,
        losses=[row["train/loss"] for row in rows],
        matrix_rates={},
        peak_bytes=0,
    )


def train_transformers(variant: str, workload: Workload, *, bf16: bool, compile: bool) -> Measurement:
    """The Hugging Face Trainer on the same weights and windows, with its own loader, loop and precision."""
    import torch
    import transformers

    # The targets are shifted already, as in our packs: all 512 of a window count on both sides.
    windows = [
        {
            "input_ids": torch.from_numpy(inputs),
            "labels": torch.from_numpy(targets),
            "shift_labels": torch.from_numpy(targets),
        }
        for inputs, targets in workload.windows()
    ]
    ends: list[float] = []

    class StepEnds(transformers.TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            ends.append(time.perf_counter())

    started = time.perf_counter()
    trainer = transformers.Trainer(
        model=peer_model(workload),
        args=transformers.TrainingArguments(
            output_dir=str(workload.folder / "transformers"),
            use_cpu=True,
            bf16=bf16,
            torch_compile=compile,
            per_device_train_batch_size=workload.batch_size,
            max_steps=workload.steps,
            learning_rate=workload.lr,
            weight_decay=workload.weight_decay,
            max_grad_norm=workload.max_grad_norm,
            train_sampling_strategy="sequential",
            remove_unused_columns=False,
            dataloader_pin_memory=False,
            logging_steps=1,
            save_steps=workload.steps,
            save_total_limit=1,
            disable_tqdm=True,
            seed=workload.seed,
        ),
        train_dataset=cast("Any", windows),
        callbacks=[StepEnds()],
    )
    trainer.train()
    return Measurement(
        variant=variant,
        first_step_seconds=ends[0] - started,
        step_seconds=[later - earlier for earlier, later in _pairs(ends)],
        tokens_per_step=workload.tokens_per_step,
        losses=[row["loss"] for row in trainer.state.log_history if "loss" in row],
        matrix_rates={},
        peak_bytes=0,
    )


def peer_model(workload: Workload) -> PreTrainedModel:
    """transformers' Llama with the very weights that our trainer starts from."""
    import torch
    from transformers import AutoModelForCausalLM

    from brahma.data.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(workload.tokenizer)
    ids = (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id)
    config = workload.spec().with_tokenizer(len(tokenizer), *ids).hf_config()
    config.use_cache = False  # a cache would only cost it time
    torch.manual_seed(workload.seed)
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    return build(config)


def _matrix_rates() -> dict[str, float]:
    import torch

    from brahma.core.devices import measure_matrix_rate

    kinds = {"bf16": torch.bfloat16, "float32": torch.float32}
    return {name: measure_matrix_rate(dtype, seconds=MATRIX_SECONDS) for name, dtype in kinds.items()}


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _pairs(values: list[T]) -> list[tuple[T, T]]:
    return list(pairwise(values))
