"""BLEU and ROUGE-L, by the libraries whose numbers the field compares: sacrebleu and rouge-score."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from brahma.core.extras import needs
from brahma.evaluation.custom.answers import Answer

_EXTRA = "brahma-eval[tasks]"


def bleu(answers: Sequence[Answer]) -> float:
    """sacrebleu's BLEU of all answers together, 0 to 100, with its own defaults (https://arxiv.org/abs/1804.08771).

    It follows from sums over the answers, of which each is counted once: resampling them is cheap.

    Raises:
        MissingDependencyError: sacrebleu is not installed.
    """
    scorer = _bleu()
    counts = [_counts(each.output, each.references) for each in answers]
    return float(
        scorer.compute_bleu(
            correct=[sum(column) for column in zip(*(each.correct for each in counts), strict=True)],
            total=[sum(column) for column in zip(*(each.total for each in counts), strict=True)],
            sys_len=sum(each.written for each in counts),
            ref_len=sum(each.wanted for each in counts),
            smooth_method=scorer.smooth_method,
            smooth_value=scorer.smooth_value,
            effective_order=scorer.effective_order,
            max_ngram_order=scorer.max_ngram_order,
        ).score
    )


class _Counts(NamedTuple):
    """Of one answer: n-grams of each length that a reference has, all n-grams, and words of both sides."""

    correct: tuple[int, ...]
    total: tuple[int, ...]
    written: int
    wanted: int


@lru_cache(maxsize=1 << 16)
def _counts(output: str, references: tuple[str, ...]) -> _Counts:
    found = _bleu().corpus_score([output], [[reference] for reference in references])
    return _Counts(tuple(found.counts), tuple(found.totals), found.sys_len, found.ref_len)


def _bleu() -> Any:
    with needs(_EXTRA, "BLEU"):
        from sacrebleu.metrics.bleu import BLEU
    return BLEU()


def rouge_l(answers: Sequence[Answer]) -> float:
    """Mean F of the longest common subsequence of words, 0 to 1 (https://aclanthology.org/W04-1013).

    rouge-score knows the words of a to z and digits alone, without stemming here; of several references the
    one that fits best counts.

    Raises:
        MissingDependencyError: rouge-score is not installed.
    """
    with needs(_EXTRA, "ROUGE-L"):
        from rouge_score.rouge_scorer import RougeScorer
    scorer = RougeScorer(["rougeL"])
    found = [scorer.score_multi(each.references, each.output)["rougeL"].fmeasure for each in answers]
    return float(sum(found) / len(found))
