"""Evaluation of language models: loss, perplexity, bits per byte, and tasks.

Importing this imports no torch; that happens when a model is used.
"""

from brahma.evaluation.evaluator import Evaluator, compute_metrics
from brahma.evaluation.losses import evaluate_packs
from brahma.evaluation.results import Results
from brahma.evaluation.totals import LossTotals

__all__ = ["Evaluator", "LossTotals", "Results", "compute_metrics", "evaluate_packs"]
