"""Tasks of each type, run by lm-eval itself on a model of ours and on its own HFLM: requests agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brahma.evaluation import Evaluator

pytest.importorskip("lm_eval")

if TYPE_CHECKING:
    from lm_eval.models.huggingface import HFLM
    from transformers import PreTrainedTokenizerBase

    from brahma.evaluation.harness.language_model import BrahmaLM

CONTEXT = 128
ANIMALS = ("fox", "dog", "café owner", "lazy bird", "emoji 🙂", "quick brown fox")
QUESTIONS: list[dict[str, Any]] = [
    {
        "question": f"Who {verb} over the {other}?",
        "choices": [ANIMALS[at % 6], ANIMALS[(at + 2) % 6], ANIMALS[(at + 3) % 6], "One of all, or none"],
        "answer": at % 4,
    }
    for at, (verb, other) in enumerate(
        (verb, other) for verb in ("jumps", "adds", "counts bytes") for other in ("lazy dog", "日本語", "b")
    )
]
PASSAGES = [
    {"text": "The quick brown fox jumps over the lazy dog."},
    {"text": "Naïve café owners don't count bytes: 日本語, emoji 🙂 and all."},
    {"text": "One."},
    {"text": "def add(a, b):\n    return a + b\n" * 12},  # longer than the context
    {"text": "The lazy dog counts a + b, and the fox returns."},
]
TASKS: dict[str, dict[str, Any]] = {
    "choices": {
        "output_type": "multiple_choice",
        "rows": QUESTIONS,
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
        "num_fewshot": 2,
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    },
    "last_word": {
        "output_type": "loglikelihood",
        "rows": PASSAGES,
        "doc_to_text": "{{text.strip().split(' ')[:-1]|join(' ')}}",
        "doc_to_target": "{{' ' + text.strip().split(' ')[-1]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "pages": {
        "output_type": "loglikelihood_rolling",
        "rows": PASSAGES,
        "doc_to_text": "",
        "doc_to_target": "{{text}}",
        "metric_list": [
            {"metric": "word_perplexity"},
            {"metric": "byte_perplexity"},
            {"metric": "bits_per_byte"},
        ],
    },
    "sums": {
        "output_type": "generate_until",
        "rows": QUESTIONS,
        "doc_to_text": "Q: {{question}}\nA:",
        "doc_to_target": "{{'e' if answer else 'a'}}",
        "num_fewshot": 1,
        "generation_kwargs": {"until": ["\n\n", "Q:", "fo"], "do_sample": False, "max_gen_toks": 20},
        "filter_list": [
            {
                "name": "strict-match",
                "filter": [{"function": "regex", "regex_pattern": "^ ?([a-z])"}, {"function": "take_first"}],
            },
            {
                "name": "flexible-extract",
                "filter": [
                    {"function": "regex", "group_select": -1, "regex_pattern": "([ae])"},
                    {"function": "take_first"},
                ],
            },
        ],
        "metric_list": [{"metric": "exact_match", "ignore_case": True}],
    },
}
PROSE_TASKS = ("last_word", "pages")


def tasks(*names: str) -> list[dict[str, Any]]:
    """For lm-eval; few-shot examples are drawn from the same rows."""
    return [task(name) for name in names]


def task(name: str) -> dict[str, Any]:
    from datasets import Dataset

    given = dict(TASKS[name])
    rows = Dataset.from_list(given.pop("rows"))
    shots = given.get("num_fewshot", 0)
    return {
        "task": name,
        "custom_dataset": lambda **_: {"test": rows, "train": rows},
        "test_split": "test",
        **({"fewshot_split": "train"} if shots else {}),
        **given,
    }


def run(model: Any, *names: str, **options: Any) -> dict[str, Any]:
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    found: dict[str, Any] = simple_evaluate(
        model=model,
        tasks=tasks(*names),
        task_manager=TaskManager(include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
        **options,
    )
    return found


def assert_agree(ours: dict[str, Any], theirs: dict[str, Any], *, texts: bool = True) -> None:
    """Figures equal; of each request the log-likelihood within 1e-4, or the same text."""
    assert ours["samples"].keys() == theirs["samples"].keys()
    for name, rows in theirs["samples"].items():
        kind = TASKS[name]["output_type"]
        for mine, reference in zip(ours["samples"][name], rows, strict=True):
            assert mine["arguments"] == reference["arguments"]
            if kind == "generate_until":
                assert mine["resps"] == reference["resps"]
            else:
                assert numbers(mine["resps"]) == pytest.approx(
                    numbers(reference["resps"]), abs=1e-4, rel=1e-6
                )
    for name, figures in theirs["results"].items():
        for figure, value in figures.items():
            if isinstance(value, int | float):
                assert ours["results"][name][figure] == pytest.approx(value, rel=1e-5), (name, figure)


def numbers(responses: Any) -> list[float]:
    """Log-likelihoods and greedy flags, in order, however they are nested."""
    if isinstance(responses, list | tuple):
        return [number for each in responses for number in numbers(each)]
    return [float(responses == "True") if responses in ("True", "False") else float(responses)]


def brahma(evaluator: Evaluator, **options: Any) -> BrahmaLM:
    from brahma.evaluation.harness.language_model import BrahmaLM

    return BrahmaLM(evaluator.model, evaluator.tokenizer, **{"batch_size": 4, **options})


def reference(pretrained: Any, **options: Any) -> HFLM:
    """One row a batch: then no text depends on the others."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=pretrained, device="cpu", batch_size=1, dtype="float32", **options)


@pytest.fixture(scope="module")
def folder(tokenizer: PreTrainedTokenizerBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in float32 that writes on; with a chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    folder = tmp_path_factory.mktemp("models") / "reference"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", TASKS)
def test_each_type_of_task_agrees(name: str, folder: Path) -> None:
    theirs = run(reference(str(folder)), name)
    assert_agree(run(brahma(Evaluator(folder, device="cpu")), name), theirs)
    values = [value for value in theirs["results"][name].values() if isinstance(value, float)]
    assert any(value not in (0.0, 1.0) for value in values)  # something was measured


def test_conversations_agree(folder: Path) -> None:
    """System message, solved examples as turns, and no second begin token."""
    options = {
        "apply_chat_template": True,
        "fewshot_as_multiturn": True,
        "system_instruction": "Answer in one word.",
    }
    theirs = run(reference(str(folder), max_length=512), "choices", "sums", **options)
    prompt = theirs["samples"]["sums"][0]["arguments"][0][0]
    assert prompt.startswith("<s>")
    assert len(re.findall("Answer in one word", prompt)) == 1
    model = brahma(Evaluator(folder, device="cpu"), max_length=512)
    assert_agree(run(model, "choices", "sums", **options), theirs)
    assert model.tok_encode(prompt).count(1) == 1


def of_memory(folder: Path, tmp_path: Path) -> tuple[Evaluator, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder)
    evaluator = Evaluator.from_model(model, AutoTokenizer.from_pretrained(folder))
    return evaluator, reference(str(folder))


def of_an_adapter(folder: Path, tmp_path: Path) -> tuple[Evaluator, Any]:
    adapter = trained_adapter(folder, tmp_path)
    return Evaluator(adapter, device="cpu"), reference(str(folder), peft=str(adapter))


def of_an_adapter_on_a_quantized_base(folder: Path, tmp_path: Path) -> tuple[Evaluator, Any]:
    """HFLM is given the same model: it cannot load the base as we store it."""
    adapter = trained_adapter(
        folder, tmp_path, quantization={"bits": 4, "quantizer": "hqq", "group_size": 32}
    )
    evaluator = Evaluator(adapter, device="cpu")
    evaluator.model.set_attn_implementation("sdpa")  # HFLM writes with a cache, which ours packed has none of
    return evaluator, reference(evaluator.model, tokenizer=evaluator.tokenizer)


def of_a_run(folder: Path, tmp_path: Path) -> tuple[Evaluator, Any]:
    from tests.train.small_run import small_trainer

    run = small_trainer(tmp_path, bf16=False, fp16=False, seq_length=CONTEXT).fit()
    return Evaluator(run.directory, device="cpu"), reference(str(run.best))


def trained_adapter(base: Path, output_dir: Path, **options: Any) -> Path:
    """The last checkpoint of a short training over the base, with weights far from those at its start."""
    from brahma.train import Trainer
    from tests.train.small_run import OPTIONS, write_rows

    given = {key: value for key, value in OPTIONS.items() if key != "tokenizer"}
    given |= {"lr": 0.05, "bf16": False, "fp16": False, "lora_config": {"r": 4, "alpha": 16}, **options}
    rows = write_rows(output_dir / "rows.jsonl")
    return Trainer(str(base), rows, output_dir=output_dir, **given).fit().last


SOURCES: list[Callable[[Path, Path], tuple[Evaluator, Any]]] = [
    of_memory,
    of_an_adapter,
    of_an_adapter_on_a_quantized_base,
    of_a_run,
]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_each_kind_of_model_agrees(
    source: Callable[[Path, Path], tuple[Evaluator, Any]], folder: Path, tmp_path: Path
) -> None:
    evaluator, theirs = source(folder, tmp_path)
    assert_agree(run(brahma(evaluator), *TASKS), run(theirs, *TASKS))
