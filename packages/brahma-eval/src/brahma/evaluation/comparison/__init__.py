"""Models compared on the same examples: what is better, by how much, and what is noise.

comparison = compare(Evaluator("runs/a").evaluate("hellaswag"), Evaluator("runs/b").evaluate("hellaswag"))
print(comparison)
"""

from brahma.evaluation.comparison.report import Comparison, Difference
from brahma.evaluation.comparison.verdicts import compare

__all__ = ["Comparison", "Difference", "compare"]
