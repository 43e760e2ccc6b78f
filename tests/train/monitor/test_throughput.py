"""FLOPs, MFU and the matrix rate."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from brahma.train.monitor import flops_per_token, mfu, model_flops_per_token

VOCABULARY, HIDDEN, LAYERS, LENGTH = 128, 32, 3, 64


def llama(*, tied: bool) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=48, num_hidden_layers=LAYERS,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=tied,
    )  # fmt: skip
    with torch.device("meta"):
        return LlamaForCausalLM(config)


def test_both_conventions_count_as_documented():
    flops = flops_per_token(parameters=1000, input_embedding=100, layers=2, width=8, seq_length=16)
    assert flops.causal == 6 * 900 + 6 * 2 * 8 * 16
    assert flops.full == 6 * 1000 + 12 * 2 * 8 * 16


def test_the_flops_of_a_model_come_from_its_weights_and_its_shape():
    model = llama(tied=False)
    weights = sum(p.numel() for p in model.parameters())
    flops = model_flops_per_token(model, LENGTH)
    assert flops.causal == 6 * (weights - VOCABULARY * HIDDEN) + 6 * LAYERS * HIDDEN * LENGTH
    assert flops.full == 6 * weights + 12 * LAYERS * HIDDEN * LENGTH


def test_tying_the_embeddings_saves_memory_and_no_arithmetic():
    assert model_flops_per_token(llama(tied=True), LENGTH) == model_flops_per_token(llama(tied=False), LENGTH)


def test_mfu_is_the_share_of_the_rate():
    assert mfu(100.0, 6e6, 1.2e9) == pytest.approx(0.5)
