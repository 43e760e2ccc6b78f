"""Rows with choices have the very figures that lm-eval gives for them, with its own model class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from brahma.evaluation import Evaluator
from brahma.evaluation.custom.choices import ACCURACIES

pytest.importorskip("lm_eval")

WORDS = (
    "The quick brown fox",
    "lazy dog",
    "Naïve café owners",
    "bytes: 日本語",
    "One.",
    "return a + b",
    "def add(a",
)
ROWS: list[dict[str, Any]] = [
    {
        "question": f"Question: {WORDS[at % 7]} {WORDS[at % 3]}?\nAnswer:",
        "choices": [WORDS[(at + step) % 7] + " dog" * (step % 2) for step in range(2, 3 + at % 3 + 1)],
        "answer": at % 2,
    }
    for at in range(30)
]


def of_lm_eval(folder: Path) -> tuple[dict[str, Any], list[list[float]]]:
    """Its figures and errors, and the log-likelihood of each choice."""
    import datasets
    from lm_eval import simple_evaluate
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

    task = ConfigurableTask(
        config={
            "task": "exam",
            "custom_dataset": lambda **_: datasets.DatasetDict(test=datasets.Dataset.from_list(ROWS)),
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "{{question}}",
            "doc_to_choice": "{{choices}}",
            "doc_to_target": "{{answer}}",
            "num_fewshot": 0,
            "metric_list": [
                {"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ACCURACIES
            ],
        }
    )
    model = HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=4)
    found: Any = simple_evaluate(model=model, tasks=[task])
    samples = sorted(found["samples"]["exam"], key=lambda sample: int(sample["doc_id"]))
    logprobs = [[float(each[0]) for each in sample["filtered_resps"]] for sample in samples]
    return found["results"]["exam"], logprobs


@pytest.mark.slow
def test_the_figures_and_errors_are_lm_evals(model_folder: Path) -> None:
    found = Evaluator(model_folder, device="cpu", dtype="float32").evaluate_custom(ROWS, examples=True)
    figures, logprobs = of_lm_eval(model_folder)
    for example, theirs in zip(found.examples, logprobs, strict=True):
        assert example.logprobs == pytest.approx(theirs, abs=1e-4)
    for name in ACCURACIES:
        assert found[name] == pytest.approx(figures[f"{name},none"], abs=1e-12)
        assert found.stderr[name] == pytest.approx(figures[f"{name}_stderr,none"], abs=1e-12)
    assert len({found[name] for name in ACCURACIES}) > 1  # they are not one number by chance
    assert 0 < found["acc"] < 1
