"""What a general-purpose compressor makes of the same text: the figure a language model has to beat."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from brahma.core.errors import DataError


def zlib_bits_per_byte(texts: Iterable[str], *, level: int = 9) -> float:
    """Bits per byte of zlib over the UTF-8 bytes of all texts, compressed as one stream.

    One stream is zlib at its strongest: it pays for the header and learns the symbol statistics once, and
    each text may refer back to the one before it (within its window of 32 KiB), which a model scored
    document by document may not.

    Raises:
        DataError: the texts hold no byte.
    """
    data = "".join(texts).encode()
    if not data:
        raise DataError("there is no text to compress", hint="give at least one document that is not empty")
    return 8 * len(zlib.compress(data, level)) / len(data)
