"""The figure that the model has to beat."""

from __future__ import annotations

import random
import zlib

import pytest

from brahma.core.errors import DataError
from brahma.train.quickstart.baseline import zlib_bits_per_byte


def test_it_is_eight_times_the_share_of_bytes_that_stays() -> None:
    texts = ["import os\n" * 50, "naïve = 'é'\n" * 20]
    raw = b"".join(text.encode("utf-8") for text in texts)
    assert zlib_bits_per_byte(texts) == len(zlib.compress(raw, 9)) * 8 / len(raw)


def test_one_stream_is_no_worse_than_one_for_each_text() -> None:
    texts = [f"def function_{i}(self):\n    return self.value_{i}\n" for i in range(40)]
    apart = 8 * sum(len(zlib.compress(t.encode(), 9)) for t in texts) / sum(len(t) for t in texts)
    assert zlib_bits_per_byte(texts) < apart


def test_noise_needs_all_its_entropy() -> None:
    letters = "".join(random.Random(0).choices("ab", k=100_000))
    assert 1.0 < zlib_bits_per_byte([letters]) < 1.6


def test_no_text_is_named() -> None:
    with pytest.raises(DataError, match="no text"):
        zlib_bits_per_byte(["", ""])
