"""`python -m tests.core.models.quantization.peak FOLDER` loads the model in FOLDER/large quantized.

Prints the bytes by which the highest mark of memory stands above what the finished model leaves, and how many
layers were quantized.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import torch

from brahma.core.models.quantization import load_quantized
from tests.core.models.quantization.toys import chosen, saved


def main(folder: str) -> None:
    torch.set_num_threads(1)
    asked = chosen(group_size=64)
    small = saved(Path(folder) / "small", num_hidden_layers=1)
    load_quantized(small, asked, dtype=torch.bfloat16)  # what is loaded at first use is not counted
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts anew; man 5 proc
    model, report = load_quantized(Path(folder) / "large", asked, dtype=torch.bfloat16)
    peak = memory("VmHWM")
    gc.collect()
    print(peak - memory("VmRSS"), len(report.group_sizes))
    del model


def memory(key: str) -> int:
    """Bytes, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


if __name__ == "__main__":
    main(sys.argv[1])
