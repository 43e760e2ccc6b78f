from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    from brahma.data.tokenizer import train_tokenizer

    return train_tokenizer(
        ["The quick brown fox jumps over the lazy dog."] * 20, vocab_size=300, min_frequency=2
    )
