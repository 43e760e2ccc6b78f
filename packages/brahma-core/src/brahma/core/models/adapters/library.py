"""peft, as whoever imports it first does: without the noise of what it imports."""

from __future__ import annotations

from brahma.core.no_kernels import without_kernels

with without_kernels():
    import peft

__all__ = ["peft"]
