"""Base models with their own tokenizer and chat template: tuned on conversations, saved, and talked to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerFast

from brahma.core.errors import TemplateError
from brahma.core.models import load_model
from brahma.data import Dataset
from brahma.evaluation import Generator
from brahma.evaluation.prompt_encoding import PromptEncoder, stop_ids
from brahma.train import Trainer
from tests.core.models.architectures import saved

pytestmark = pytest.mark.usefixtures("quick_start")

TEXT = ["hello there, say hello to the harbour!", "the tide is low and the wind is up: so be it."] * 8


@dataclass(frozen=True)
class Family:
    """A kind of published chat model.

    Attributes:
        architecture: of the model.
        template: Jinja; none of them has a generation block.
        end: the tokens' end.
        turn_end: the end of a turn.
        specials: further tokens of the template.
        begins: the text before the first answer.
        trained: the pieces of the row that are trained.
    """

    architecture: str
    template: str
    end: str
    turn_end: str
    specials: tuple[str, ...]
    begins: str
    trained: tuple[str, ...]
    bos: str | None = "<bos>"


FAMILIES = {
    "chatml": Family(
        "qwen2",
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        end="<|endoftext|>",
        turn_end="<|im_end|>",
        specials=("<|im_start|>",),
        begins="<|im_start|>user\nsay hello<|im_end|>\n<|im_start|>assistant\n",
        trained=("hello there!<|im_end|>", "the tide is low<|im_end|>"),
        bos=None,
    ),
    "llama3": Family(
        "llama",
        "{% for m in messages %}{% set text = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' "
        "+ m['content'] | trim + '<|eot_id|>' %}{{ (bos_token if loop.first else '') + text }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        end="<|end_of_text|>",
        turn_end="<|eot_id|>",
        specials=("<|start_header_id|>", "<|end_header_id|>"),
        begins="<bos><|start_header_id|>user<|end_header_id|>\n\nsay hello<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        trained=("hello there!<|eot_id|>", "the tide is low<|eot_id|>"),
    ),
    "gemma": Family(
        "gemma3_text",
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}"
        "{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
        "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        end="<eos>",
        turn_end="<end_of_turn>",
        specials=("<start_of_turn>",),
        begins="<bos><start_of_turn>user\nsay hello<end_of_turn>\n<start_of_turn>model\n",
        trained=("hello there!<end_of_turn>", "the tide is low<end_of_turn>"),
    ),
    "mistral": Family(
        "mistral",
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
        "{{ '[INST] ' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}"
        "{{ ' ' + m['content'] + eos_token }}{% else %}{{ raise_exception('Only user and assistant') }}"
        "{% endif %}{% endfor %}",
        end="</s>",
        turn_end="</s>",
        specials=("[INST]", "[/INST]"),
        begins="<bos>[INST] say hello [/INST]",
        trained=(" hello there!</s>", " the tide is low</s>"),
    ),
}
TURNS = ("say hello", "hello there!", "the wind?", "the tide is low")
every = pytest.mark.parametrize("family", FAMILIES)


def tokenizer_of(family: Family) -> PreTrainedTokenizerFast:
    """Byte-level; it puts the beginning in front by itself, as most published ones do."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    names = dict.fromkeys([*filter(None, [family.bos]), family.end, family.turn_end, *family.specials])
    backend.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(
            vocab_size=340,
            special_tokens=list(names),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    if family.bos is not None:
        beginning = (family.bos, backend.token_to_id(family.bos))
        backend.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[beginning]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=family.bos, eos_token=family.end, pad_token=family.end
    )
    tokenizer.chat_template = family.template
    return tokenizer


def base_of(folder: Path, family: Family) -> Path:
    """A base model with that tokenizer, which by its own settings ends at two tokens."""
    tokenizer = tokenizer_of(family)
    changes: dict[str, Any] = {"vocab_size": len(tokenizer), "tie_word_embeddings": True}
    saved(folder, family.architecture, changes | {"initializer_range": 0.02})
    tokenizer.save_pretrained(folder)
    ends = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(family.turn_end)]
    settings = GenerationConfig(eos_token_id=ends, temperature=0.7, top_k=20, do_sample=True)
    settings.save_pretrained(folder)
    return folder


def rows_in(folder: Path, *turns: str, count: int = 8, system: str | None = None) -> Path:
    messages = [{"role": ("user", "assistant")[n % 2], "content": turn} for n, turn in enumerate(turns)]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    file = folder / "rows.jsonl"
    file.write_text((json.dumps({"messages": messages}) + "\n") * count)
    return file


def tuned(base: Path, rows: Path, folder: Path, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "lora_config": {"r": 4},
        "lr": 5e-3,
        "batch_size": 2,
        "seq_length": 128,
        "max_steps": 6,
        "warmup_steps": 0,
        "workers": 1,
        "threads": 1,
        "trackers": [],
    }
    return Trainer(str(base), rows, output_dir=folder, run_name="run", **options | changes)


@every
def test_only_the_answers_and_the_ends_of_their_turns_are_trained(tmp_path: Path, family: str) -> None:
    kind = FAMILIES[family]
    base, rows = base_of(tmp_path / "base", kind), rows_in(tmp_path, *TURNS)
    example = Dataset.from_file(rows).show(0, tokenizer=base)
    assert tuple(text for text, trained in example.pieces if trained) == kind.trained
    whole = "".join(text for text, _ in example.pieces)
    assert whole.startswith(kind.begins)
    assert whole.count("<bos>") == (0 if kind.bos is None else 1)


@every
@pytest.mark.parametrize("adapters", [True, False], ids=["lora", "full"])
def test_a_tuned_model_keeps_template_and_settings_and_answers_by_them(
    tmp_path: Path, family: str, adapters: bool
) -> None:
    kind = FAMILIES[family]
    base, rows = base_of(tmp_path / "base", kind), rows_in(tmp_path, *TURNS)
    run = tuned(base, rows, tmp_path, **({} if adapters else {"lora_config": None})).fit()
    losses = [row["train/loss"] for row in run.metrics() if "train/loss" in row]
    assert losses[-1] < losses[0]
    kept = AutoTokenizer.from_pretrained(run.last)
    assert kept.chat_template == kind.template
    assert Dataset.from_file(rows).show(0, tokenizer=run.last).pieces == (
        Dataset.from_file(rows).show(0, tokenizer=base).pieces
    )
    generator = Generator(run.last)
    messages = [{"role": "user", "content": "say hello"}]
    ids = PromptEncoder(generator.tokenizer).encode(messages)
    ends = stop_ids(generator.model, generator.tokenizer, with_turns=True)
    assert generator.tokenizer.decode(ids) == kind.begins
    assert kept.convert_tokens_to_ids(kind.turn_end) in ends
    assert isinstance(generator.generate(messages, max_new_tokens=3, seed=1)[0], str)
    if not adapters:
        before, after = (GenerationConfig.from_pretrained(folder) for folder in (base, run.last))
        assert after.eos_token_id == before.eos_token_id
        assert (after.temperature, after.top_k, after.do_sample) == (0.7, 20, True)


@pytest.mark.parametrize("family", ["gemma", "mistral"])
def test_a_row_with_a_role_that_the_template_does_not_know_is_named(tmp_path: Path, family: str) -> None:
    base = base_of(tmp_path / "base", FAMILIES[family])
    rows = rows_in(tmp_path, *TURNS, system="You are a lamp.")
    with pytest.raises(TemplateError, match="fails") as caught:
        tuned(base, rows, tmp_path).fit()
    assert "rows.jsonl:1" in str(caught.value.where)
    assert "ystem" in str(caught.value.why) or "Only user" in str(caught.value.why)
    assert caught.value.hint


def test_a_tied_base_in_bf16_stays_tied_and_in_bf16(tmp_path: Path) -> None:
    kind = FAMILIES["gemma"]
    base, rows = base_of(tmp_path / "base", kind), rows_in(tmp_path, *TURNS)
    load_model(base, dtype=torch.bfloat16).save_pretrained(base)
    run = tuned(base, rows, tmp_path, lora_config=None, bf16=True).fit()
    after = load_model(run.last)
    assert after.dtype == torch.bfloat16
    assert after.get_output_embeddings().weight is after.get_input_embeddings().weight
    assert after.config.model_type == "gemma3_text"
    padding = AutoTokenizer.from_pretrained(run.last).pad_token_id
    assert after.config.pad_token_id == padding
