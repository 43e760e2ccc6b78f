"""Local models by their folders: tiny ones with random weights, made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import BrahmaError, ConfigError, ModelError
from brahma.data.augmentation.contract import Failed
from brahma.data.tokenizer import save_tokenizer, train_tokenizer
from brahma_augment.engines import backtranslator, paraphraser
from brahma_augment.options import BacktranslationOptions, ParaphraseOptions

TEXTS = ["Where do the fast boats go? They go out.", "The harbour is full\nof small boats."]


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator of the family of MarianMT; its tokenizer is one of ours."""
    from transformers import MarianConfig, MarianMTModel

    folder = tmp_path_factory.mktemp("marian")
    tokenizer = train_tokenizer(TEXTS * 5, vocab_size=300)
    save_tokenizer(tokenizer, folder / "model")
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_position_embeddings=128,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
    )
    MarianMTModel(config).save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("causal") / "model"
    tokenizer = train_tokenizer(TEXTS * 5, vocab_size=300)
    save_tokenizer(tokenizer, folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_two_translators_go_there_and_back_sentence_by_sentence(marian: Path) -> None:
    options = BacktranslationOptions(engine=f"seq2seq:{marian},{marian}", max_new_tokens=8, batch_size=2)
    with backtranslator(options, seed=1) as augmenter:
        found = augmenter.variants(TEXTS, 2)
        assert augmenter.engine == "seq2seq model,model"
        assert found == augmenter.variants(TEXTS, 2)
    first, second = found
    assert not isinstance(first, Failed)
    assert 1 <= len(first) <= 2
    assert not isinstance(second, Failed)
    assert all("\n" in variant for variant in second)


def test_a_causal_model_answers_by_its_template_the_same_for_the_same_seed(causal: Path) -> None:
    options = ParaphraseOptions(engine=f"hf:{causal}", max_new_tokens=6)
    found: list[Any] = []
    for _ in range(2):
        with paraphraser(options, seed=5) as augmenter:
            assert augmenter.engine == "hf model"
            found.append(augmenter.variants(TEXTS, 1))
    assert found[0] == found[1]
    assert len(found[0]) == 2


def test_a_text_that_is_too_long_for_the_model_fails_alone(causal: Path) -> None:
    with paraphraser(ParaphraseOptions(engine=f"hf:{causal}", max_new_tokens=6), seed=5) as augmenter:
        (outcome,) = augmenter.variants(["The boats go out. " * 200], 1)
    assert isinstance(outcome, Failed)
    assert outcome.reason == "the model cannot take it"


def test_a_folder_of_another_kind_of_model_is_named(causal: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        paraphraser(ParaphraseOptions(engine=f"seq2seq:{causal}"), seed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ParaphraseOptions(engine="wordnut"), 'did you mean "wordnet"'),
        (ParaphraseOptions(engine="apertium"), "no engine is called"),
        (ParaphraseOptions(engine="hf:/nowhere"), "no folder of a model"),
        (ParaphraseOptions(engine="hf"), "no folder of a model"),
        (ParaphraseOptions(engine="openai:localhost"), "is no address"),
        (BacktranslationOptions(engine="seq2seq:/nowhere"), "needs two models"),
        (BacktranslationOptions(engine="wordnet"), "no engine is called"),
    ],
)
def test_a_wrong_engine_is_named(options: Any, message: str) -> None:
    build = backtranslator if isinstance(options, BacktranslationOptions) else paraphraser
    with pytest.raises(ConfigError) as error:
        build(options, seed=1)
    assert message in str(error.value)
    assert isinstance(error.value, BrahmaError)
    assert error.value.hint
