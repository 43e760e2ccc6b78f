"""What a model had seen of its own examination: named tasks against the rows that its run really consumed.

    results = Evaluator("runs/my-run").evaluate(["hellaswag"])
    print(find_contamination(results, "runs/my-run"))

A word is a run of letters and digits in lower case, punctuation away, as the data package's cleaning takes
it. An example is contaminated when it has 13 words in a row in common with what was trained on: the rule of
GPT-3 (https://arxiv.org/abs/2005.14165, appendix C). Its wordings are the question with its answers, with
each answer alone, and the question alone. One of 8 to 12 words is looked for as a whole; an example that has
only shorter ones cannot be judged, and counts neither as clean nor as contaminated.
"""

from brahma.evaluation.contamination.checking import find_contamination
from brahma.evaluation.contamination.report import CleanTask, Contamination, Found, Seen

__all__ = ["CleanTask", "Contamination", "Found", "Seen", "find_contamination"]
