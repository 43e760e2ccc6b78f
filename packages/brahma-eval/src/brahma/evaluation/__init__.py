"""Evaluation of language models: loss, perplexity, bits per byte, tasks, and what they write."""

from typing import TYPE_CHECKING

from brahma.core.lazy import exports

if TYPE_CHECKING:
    from brahma.evaluation.comparison import compare as compare
    from brahma.evaluation.contamination import find_contamination as find_contamination
    from brahma.evaluation.evaluator import Evaluator as Evaluator
    from brahma.evaluation.evaluator import compute_metrics as compute_metrics
    from brahma.evaluation.generator import Generator as Generator
    from brahma.evaluation.harness.results import TaskResults as TaskResults
    from brahma.evaluation.losses import evaluate_packs as evaluate_packs
    from brahma.evaluation.merging import MergeReport as MergeReport
    from brahma.evaluation.merging import merge_adapter as merge_adapter
    from brahma.evaluation.results import Results as Results
    from brahma.evaluation.sampling import Sampling as Sampling
    from brahma.evaluation.totals import LossTotals as LossTotals

__all__ = [
    "Evaluator",
    "Generator",
    "LossTotals",
    "MergeReport",
    "Results",
    "Sampling",
    "TaskResults",
    "compare",
    "compute_metrics",
    "evaluate_packs",
    "find_contamination",
    "merge_adapter",
]

if not TYPE_CHECKING:
    __getattr__ = exports(
        __name__,
        {
            "Evaluator": "evaluator",
            "Generator": "generator",
            "LossTotals": "totals",
            "MergeReport": "merging",
            "Results": "results",
            "Sampling": "sampling",
            "TaskResults": "harness.results",
            "compare": "comparison",
            "compute_metrics": "evaluator",
            "evaluate_packs": "losses",
            "find_contamination": "contamination",
            "merge_adapter": "merging",
        },
    )
