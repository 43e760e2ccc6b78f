"""An adapter made a plain model on disk: found, merged, compared, written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brahma.core.disk import refuse_existing
from brahma.core.errors import ModelError
from brahma.core.model_files import ADAPTER_CONFIG, is_adapter
from brahma.core.progress import progress
from brahma.evaluation.loaded import LoadedModel, device_called, dtype_called

_TEXTS = (
    "The lighthouse keeper wrote down the hour of each tide, the wind, and the ships that passed by night.",
    "Question: what is 17 times 3? Answer: 17 times 3 is 51, because 10 times 3 is 30 and 7 times 3 is 21.",
    "def mean(values):\n    return sum(values) / len(values)\n",
)
"""Real text, whose logits are compared before and after; made-up ids cover the vocabulary."""


@dataclass(frozen=True)
class MergeReport:
    """What a merge wrote, and how near it is to the adapter on its base.

    Attributes:
        path: of the plain model.
        base_model: folder or hub id that the adapter was on.
        dtype: of the weights: `float32`, `bfloat16`, `float16`.
        quantized: the base was quantized; its weights are now those values, plain.
        tokens: made-up and real ones, of the comparison.
        difference: of the logits before and after; root mean square, as the next two.
        precision_error: what rounding in that precision does to them.
        adapter_effect: what the adapter does to them.
        loss_before, loss_after: nats a token.
    """

    path: Path
    base_model: str
    dtype: str
    quantized: bool
    tokens: int
    difference: float
    precision_error: float
    adapter_effect: float
    loss_before: float
    loss_after: float

    def __str__(self) -> str:
        lines = [
            f"base: {self.base_model}" + (", dequantized first" if self.quantized else ""),
            f"merged in {self.dtype}: over {self.tokens} tokens the logits differ by {self.difference:.2g} "
            f"(rounding explains {self.precision_error:.2g}; the adapter changes them by "
            f"{self.adapter_effect:.2g})",
            f"loss before {self.loss_before:.5f}, after {self.loss_after:.5f}",
        ]
        if self.adapter_effect < self.precision_error:
            lines.append(
                f"the adapter does less than rounding in {self.dtype}: much of it may be lost. "
                "float32 keeps it (--dtype float32)"
            )
        return "\n".join(lines)


def merge_adapter(
    adapter: str | Path,
    output: str | Path,
    *,
    base: str | Path | None = None,
    dtype: str | None = None,
    device: str = "cpu",
    trust_remote_code: bool = False,
) -> MergeReport:
    """Make a plain model of an adapter, its base, and the adapters between them.

        report = merge_adapter("my-lora-run", "merged")
        print(report.difference)

    Args:
        adapter: a run's name or folder (its best checkpoint is taken), or an adapter's folder.
        output: a folder that does not exist yet; any tool loads it.
        base: where the base model is now; None: where it was when the adapter was trained.
        dtype: `float32`, `bfloat16` or `float16`; None: what the adapter was trained in.
        device: where it is computed: `cpu`, `cuda`, `auto`, …
        trust_remote_code: run code that the base model ships.

    Raises:
        ModelError: there is no such adapter, or it is a whole model; its base is gone or another one; the
            output exists; or the merged model differs by more than rounding.
    """
    target = Path(output).expanduser()
    refuse_existing(target)  # before anything is loaded
    found = LoadedModel(adapter, trust_remote_code=trust_remote_code)
    _refuse_whole(found)
    with progress("loading torch and transformers"):
        from brahma.core.models.adapters.merging import merge, save_plain

    tokenizer = found.tokenizer if base is None or found.has_tokenizer else LoadedModel(base).tokenizer
    merged = merge(
        found.model_path,
        base_model=None if base is None else _absolute(base),
        dtype=dtype_called(dtype),
        device=device_called(device),
        trust_remote_code=trust_remote_code,
        texts=[tokenizer.encode(text, add_special_tokens=True) for text in _TEXTS],
    )
    parity = merged.parity
    with progress("writing the model"):
        path = save_plain(merged.model, tokenizer, target)
    return MergeReport(
        path=path,
        base_model=merged.base_model,
        dtype=str(merged.dtype).removeprefix("torch."),
        quantized=merged.quantized,
        tokens=parity.tokens,
        difference=parity.difference,
        precision_error=parity.precision_error,
        adapter_effect=parity.adapter_effect,
        loss_before=parity.loss_before,
        loss_after=parity.loss_after,
    )


def _absolute(base: str | Path) -> str:
    folder = Path(base).expanduser()
    return str(folder.absolute()) if folder.exists() else str(base)


def _refuse_whole(found: LoadedModel) -> None:
    if not is_adapter(found.model_path):
        is_folder = Path(found.model_path).is_dir()
        what = "this is a whole model" if is_folder else "no run and no folder here is called so"
        raise ModelError(
            f"{what}: there is no adapter to merge",
            where=found.model_path,
            hint="name a run with lora_config, or a folder with " + ADAPTER_CONFIG,
        )
