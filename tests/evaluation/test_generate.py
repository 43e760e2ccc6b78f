"""Generation: the same text as transformers' own, only what is new, one BOS, and named mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from brahma.core.errors import ConfigError, ModelError, TemplateError
from brahma.evaluation.generate import generate
from brahma.evaluation.prompt_encoding import PromptEncoder, stop_ids

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

PROMPT = "The quick brown"
QUESTION = [{"role": "user", "content": "The quick?"}]


@pytest.fixture
def unbounded(plain_model: LlamaForCausalLM) -> LlamaForCausalLM:
    """The model with a head that never ends a text by itself."""
    import torch

    with torch.no_grad():
        plain_model.lm_head.weight[2] = 0  # some other logit of 320 is above 0
    return plain_model


def greedy_ids(model: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The 12 new ids that transformers' own generate finds likeliest after PROMPT."""
    inputs = tokenizer(PROMPT, return_tensors="pt")
    output = model.generate(
        inputs["input_ids"], attention_mask=inputs["attention_mask"], do_sample=False, max_new_tokens=12
    )
    return list(output[0, inputs["input_ids"].shape[1] :].tolist())


def whole(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    """The ids' text without a character that was cut off at its end."""
    return str(tokenizer.decode(ids, skip_special_tokens=True)).rstrip("\ufffd")


def test_greedy_equals_transformers_own(
    unbounded: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    text = generate(unbounded, tokenizer, PROMPT, temperature=0, max_new_tokens=12)
    assert text == whole(tokenizer, greedy_ids(unbounded, tokenizer))
    assert not text.startswith(PROMPT)


def test_the_same_seed_writes_the_same_text(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    import torch

    def written(seed: int) -> str:
        return generate(plain_model, tokenizer, PROMPT, max_new_tokens=20, temperature=1.5, seed=seed)

    first = written(3)
    torch.manual_seed(99)
    expected = torch.rand(1)
    torch.manual_seed(99)
    assert written(3) == first
    assert torch.rand(1) == expected  # the caller's random numbers are left alone
    assert any(written(seed) != first for seed in range(4, 8))


def test_top_k_of_one_is_greedy(plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    greedy = generate(plain_model, tokenizer, PROMPT, max_new_tokens=12, temperature=0)
    assert generate(plain_model, tokenizer, PROMPT, max_new_tokens=12, temperature=2.0, top_k=1) == greedy


def test_the_model_is_left_as_it_was(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    plain_model.train()
    generate(plain_model, tokenizer, PROMPT, max_new_tokens=2)
    assert plain_model.training
    assert plain_model.config._attn_implementation == "eager"


def test_a_text_ends_at_any_end_that_the_model_names(
    unbounded: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    new = greedy_ids(unbounded, tokenizer)
    end = new[5]
    unbounded.generation_config.eos_token_id = [2, end]
    text = generate(unbounded, tokenizer, PROMPT, temperature=0, max_new_tokens=12)
    assert text == whole(tokenizer, new[: new.index(end)])  # the end itself is not shown


def test_messages_are_rendered_once_with_one_bos(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = PromptEncoder(tokenizer).encode(QUESTION)
    assert ids.count(tokenizer.bos_token_id) == 1
    assert str(tokenizer.decode(ids)).endswith("<|assistant|>")


def test_a_prompt_has_one_bos_and_no_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = PromptEncoder(tokenizer).encode(PROMPT)
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.eos_token_id not in ids


def test_an_empty_prompt_begins_a_text(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    assert PromptEncoder(tokenizer).encode("") == [tokenizer.bos_token_id]
    generate(plain_model, tokenizer, "", max_new_tokens=2)


def test_messages_are_answered(plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase) -> None:
    text = generate(plain_model, tokenizer, messages=QUESTION, max_new_tokens=8, seed=1)
    assert "<|" not in text
    assert "The quick?" not in text


def test_the_end_of_a_turn_stops_an_answer(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    from copy import deepcopy

    chat = deepcopy(tokenizer)
    chat.add_special_tokens({"extra_special_tokens": ["<|im_end|>"]})
    chat.chat_template = "{% for m in messages %}{{ m.content }}<|im_end|>\n{% endfor %}"
    end = chat.convert_tokens_to_ids("<|im_end|>")
    assert stop_ids(plain_model, chat, with_turns=True) == sorted({2, end})
    assert stop_ids(plain_model, chat, with_turns=False) == [2]


@pytest.mark.parametrize("given", [{}, {"prompt": "a", "messages": QUESTION}])
def test_either_prompt_or_messages(
    given: dict[str, object], plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    with pytest.raises(ConfigError, match="either a prompt or messages"):
        generate(plain_model, tokenizer, **given)  # type: ignore[arg-type]


def test_a_tokenizer_without_a_template_is_named(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    from copy import deepcopy

    bare = deepcopy(tokenizer)
    bare.chat_template = None
    with pytest.raises(TemplateError, match="no chat template") as raised:
        generate(plain_model, bare, messages=QUESTION)
    assert raised.value.hint


def test_messages_that_the_template_refuses_are_named(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    from copy import deepcopy

    strict = deepcopy(tokenizer)
    strict.chat_template = "{{ raise_exception('system messages are not supported') }}"
    with pytest.raises(TemplateError) as raised:
        generate(plain_model, strict, messages=QUESTION)
    assert raised.value.why == "system messages are not supported"


def test_a_context_that_is_too_short_is_named_with_numbers(
    plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    tokens = len(PromptEncoder(tokenizer).encode(PROMPT))
    with pytest.raises(ModelError) as raised:
        generate(plain_model, tokenizer, PROMPT, max_new_tokens=64)
    assert f"{tokens} tokens of prompt leave no room for 64 new ones in the model's context of 64" in str(
        raised.value
    )
    assert raised.value.hint == f"Ask for at most {64 - tokens} new tokens"
    with pytest.raises(ModelError, match="no room for a new one"):
        generate(plain_model, tokenizer, "x" * 100)


def test_without_a_length_the_context_is_filled(
    unbounded: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    text = generate(unbounded, tokenizer, PROMPT, temperature=0)
    assert text


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_new_tokens", 0), ("temperature", -1.0), ("top_k", -1), ("top_p", 0.0), ("top_p", 1.5)],
)
def test_a_number_out_of_its_range_is_named(
    name: str, value: float, plain_model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase
) -> None:
    with pytest.raises(ConfigError, match=name):
        generate(plain_model, tokenizer, PROMPT, **{name: value})  # type: ignore[arg-type]
