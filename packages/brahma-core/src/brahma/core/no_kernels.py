"""bitsandbytes imported without noise and without what it would fetch from the network, by whoever needs it.

On a CPU with bf16 it looks at import for compiled code on the hub, by the package `kernels`, and warns where
that is not installed. That code serves weights that were repacked for inference, which Brahma never does. So
it is not looked for, and the warning is not shown. peft imports bitsandbytes wherever it is installed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_FETCHING = "kernels"


@contextmanager
def without_kernels() -> Iterator[None]:
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
