"""BLEU and ROUGE-L are what sacrebleu and rouge-score say when they are called themselves."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from brahma.core.errors import MissingDependencyError
from brahma.evaluation.custom.answers import Answer
from brahma.evaluation.custom.libraries import bleu, rouge_l

OUTPUTS = ["The ferry left the old harbour before dawn.", "Nobody on the shore noticed it.", "Yes."]
REFERENCES = [
    ("The ferry left the harbour at dawn.", "The old ferry left the harbour before dawn."),
    ("Nobody on the quiet shore saw it.",),
    ("No.", "Yes, it did.", "Never."),
]
ANSWERS = [
    Answer("?", output, references, {}) for output, references in zip(OUTPUTS, REFERENCES, strict=True)
]


def test_bleu_is_sacrebleus_with_as_many_references_as_each_answer_has() -> None:
    from sacrebleu.metrics.bleu import BLEU

    streams: list[Any] = [
        [REFERENCES[0][0], REFERENCES[1][0], REFERENCES[2][0]],
        [REFERENCES[0][1], None, REFERENCES[2][1]],
        [None, None, REFERENCES[2][2]],
    ]
    found = bleu(ANSWERS)
    assert found == BLEU().corpus_score(OUTPUTS, streams).score
    assert 0 < found < 100


def test_bleu_is_smoothed_as_sacrebleus_where_no_long_run_of_words_fits() -> None:
    from sacrebleu.metrics.bleu import BLEU

    pairs = [("a red boat at sea", "the red ferry at sea"), ("", "nothing"), ("sea", "sea")]
    answers = [Answer("?", output, (reference,), {}) for output, reference in pairs]
    outputs, references = zip(*pairs, strict=True)
    found = bleu(answers)
    assert found == BLEU().corpus_score(list(outputs), [list(references)]).score
    assert found > 0
    assert bleu(answers[:1]) == BLEU().corpus_score([outputs[0]], [[references[0]]]).score > 0


def test_bleu_of_right_answers_is_100() -> None:
    assert bleu([Answer("?", OUTPUTS[0], (OUTPUTS[0],), {})]) == pytest.approx(100)


def test_rouge_l_is_the_mean_of_the_best_references() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    best = [
        max(scorer.score(reference, output)["rougeL"].fmeasure for reference in references)
        for output, references in zip(OUTPUTS, REFERENCES, strict=True)
    ]
    assert rouge_l(ANSWERS) == pytest.approx(sum(best) / 3)


def test_rouge_l_by_hand() -> None:
    answer = Answer("?", "police kill the gunman", ("police killed the gunman",), {})
    assert rouge_l([answer]) == pytest.approx(3 / 4)  # 3 words in order, of 4 and 4


@pytest.mark.parametrize(
    ("metric", "library"), [(bleu, "sacrebleu.metrics.bleu"), (rouge_l, "rouge_score.rouge_scorer")]
)
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    metric: object, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingDependencyError, match=r"brahma-eval\[tasks\]") as raised:
        metric(ANSWERS)  # type: ignore[operator]
    assert raised.value.hint == 'pip install "brahma-eval[tasks]"'
