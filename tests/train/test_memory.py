from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from brahma.core.config import Config, resolve_config
from brahma.core.errors import TrainingError
from brahma.train.memory import out_of_memory


def config(**training: Any) -> Config:
    return resolve_config(
        {
            "model_config": {"preset": "nano"},
            "tokenizer": {"train": {"vocab_size": 300}},
            "data_config": {"train": "rows.jsonl", "seq_length": 128},
            "training_config": training,
        }
    ).config


def explained(dtype: torch.dtype = torch.float32, **training: Any) -> str:
    model = nn.Linear(1000, 1000, bias=False).to(dtype)
    with pytest.raises(TrainingError) as caught, out_of_memory(model, config(**training)):
        torch.empty(1 << 60, dtype=torch.uint8)  # the system really refuses this
    return str(caught.value)


def test_the_error_names_this_jobs_numbers() -> None:
    text = explained(batch_size=8)
    assert "out of memory with batch_size 8 × seq_length 128 = 1,024 tokens" in text
    assert "1.0M parameters take" in text


def test_the_remedies_fit_the_settings() -> None:
    text = explained(batch_size=8)
    assert "batch_size 4 instead of 8" in text
    assert "gradient_checkpointing: true" in text
    assert "bf16: true" in text
    text = explained(torch.bfloat16, batch_size=1, gradient_checkpointing=True)
    assert "batch_size" not in text.partition("hint")[2]
    assert "seq_length than 128" in text
    assert "gradient_checkpointing: true" not in text
    assert "bf16: true" not in text


def test_pythons_own_error_is_explained_too() -> None:
    with pytest.raises(TrainingError), out_of_memory(nn.Linear(2, 2), config()):
        raise MemoryError("no room")


def test_other_errors_pass_through() -> None:
    with pytest.raises(RuntimeError, match="something else"), out_of_memory(nn.Linear(2, 2), config()):
        raise RuntimeError("something else")
