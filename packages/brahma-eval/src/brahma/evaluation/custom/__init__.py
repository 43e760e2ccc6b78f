"""Evaluation on data of one's own, beyond the loss: what the model writes, what it chooses, a user's scores.

From rows to results:

    evaluating.py   what was asked for, and whether the rows have it
    rows.py         rows of files or memory -> questions with references, questions with choices
    prompts.py      a question as token ids, with or without the chat template
    outputs.py      the model's answers
    choices.py      the likeliest of each question's choices
    answers.py      what a metric of answers is given; overlap.py, libraries.py: the built-in ones
    metrics.py      those that were asked for, called with care
    judging.py      the user's own scoring function, which may fail on some examples
    uncertainty.py  standard errors
    measuring.py    all of it, to `Results`
"""
