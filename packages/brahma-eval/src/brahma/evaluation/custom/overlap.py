"""Exact match and token F1 of answers, as the script of SQuAD computes them (https://arxiv.org/abs/1606.05250).

Both look at an answer without case, punctuation, the articles a, an, the, and blanks beyond one; of several
references the one that fits best counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

from brahma.evaluation.custom.answers import Answer

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(answers: Sequence[Answer]) -> float:
    """Share of answers that are a reference but for case, punctuation, articles and blanks."""
    return _mean_of_best(answers, lambda output, reference: normalised(output) == normalised(reference))


def verbatim_match(answers: Sequence[Answer]) -> float:
    """Share of answers that are a reference, character for character."""
    return _mean_of_best(answers, lambda output, reference: output == reference)


def f1(answers: Sequence[Answer]) -> float:
    """Mean token F1 of the answers, between 0 and 1."""
    return _mean_of_best(answers, token_f1)


def normalised(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, one blank between words."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(output: str, reference: str) -> float:
    """Harmonic mean of precision and recall over the words of both, each as often as it stands there.

    Two texts without words are equal; one of them alone has nothing in common with another.
    """
    written, wanted = normalised(output).split(), normalised(reference).split()
    if not written or not wanted:
        return float(written == wanted)
    shared = (Counter(written) & Counter(wanted)).total()
    return 2 * shared / (len(written) + len(wanted))


def _mean_of_best(answers: Sequence[Answer], similarity: Callable[[str, str], float]) -> float:
    best = [max(similarity(each.output, reference) for reference in each.references) for each in answers]
    return sum(best) / len(best)
