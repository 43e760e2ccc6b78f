"""BLEU and ROUGE-L, by the libraries whose numbers the field compares: sacrebleu and rouge-score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from brahma.core.extras import needs
from brahma.evaluation.custom.answers import Answer

_EXTRA = "brahma-eval[tasks]"


def bleu(answers: Sequence[Answer]) -> float:
    """sacrebleu's BLEU of all answers together, 0 to 100, with its own defaults (https://arxiv.org/abs/1804.08771).

    Raises:
        MissingDependencyError: sacrebleu is not installed.
    """
    with needs(_EXTRA, "BLEU"):
        from sacrebleu import corpus_bleu
    most = max(len(each.references) for each in answers)
    streams = [
        [each.references[number] if number < len(each.references) else None for each in answers]
        for number in range(most)
    ]  # None: sacrebleu's mark for a line with fewer references
    return float(corpus_bleu([each.output for each in answers], cast("list[list[str]]", streams)).score)


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
