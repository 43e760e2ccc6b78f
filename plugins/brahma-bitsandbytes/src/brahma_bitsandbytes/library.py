"""bitsandbytes itself, imported without noise and without what it would fetch from the network.

On a CPU with bf16 it looks at import for compiled code on the hub, by the package `kernels`, and warns where
that is not installed. That code serves weights that were repacked for inference, which this plugin never
does. So it is not looked for, and the warning is not shown.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch

from brahma.core.errors import MissingDependencyError
from brahma.core.extras import needs

_FETCHING = "kernels"


@contextmanager
def _without_fetching() -> Iterator[None]:
    """Nobody finds the package that fetches code, and nobody hears that it was not found."""
    log = logging.getLogger("bitsandbytes.backends.cpu.ops")
    before = {name: sys.modules[name] for name in (_FETCHING,) if name in sys.modules}
    sys.modules[_FETCHING] = None  # type: ignore[assignment]  # an import of it raises ImportError
    log.addFilter(_is_no_kernel_notice)
    try:
        yield
    finally:
        log.removeFilter(_is_no_kernel_notice)
        del sys.modules[_FETCHING]
        sys.modules.update(before)


def _is_no_kernel_notice(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Failed to load CPU gemm_4bit_forward")


with needs("brahma-bitsandbytes", "quantization and optimizers of bitsandbytes"), _without_fetching():
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
