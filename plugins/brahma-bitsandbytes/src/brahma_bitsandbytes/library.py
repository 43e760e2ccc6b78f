"""bitsandbytes itself, imported without noise and without what it would fetch from the network."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

from brahma.core.errors import MissingDependencyError
from brahma.core.extras import needs
from brahma.core.no_kernels import without_kernels

with needs("brahma-bitsandbytes", "quantization and optimizers of bitsandbytes"), without_kernels():
    bnb: Any = import_module("bitsandbytes")  # of its types, too few are exported to be of use


def check_kernels(device: torch.device) -> None:
    """See that bitsandbytes can compute on a device.

    Raises:
        MissingDependencyError: it has no kernels for this GPU's driver or this version of torch.
    """
    if device.type == "cuda" and not bnb.cextension.lib.compiled_with_cuda:
        raise MissingDependencyError(
            "bitsandbytes has no GPU kernels that load here",
            why=f"torch {torch.__version__} is built for CUDA {torch.version.cuda}; "
            "`python -m bitsandbytes` tells which kernels were looked for",
            hint='pip install --force-reinstall "brahma-bitsandbytes"',
        )
