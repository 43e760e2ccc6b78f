"""The options of the quantizer; apart from it, so that checking a name imports no torch."""

from __future__ import annotations

from brahma.core.config.sections import Section


class HqqOptions(Section):
    """Options of hqq."""

    optimize: bool = True
    """With four bits, search for the zero points that lose least; without, quantizing is faster."""
