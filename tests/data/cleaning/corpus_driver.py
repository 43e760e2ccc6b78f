"""Runs one corpus step over documents, cut into tasks as a test likes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from brahma.data.cleaning.contract import CorpusStep, Document, Verdict
from brahma.data.cleaning.duplicates.keys import KeyWriter


def documents_of(texts: Sequence[str | tuple[str, ...]], cuts: Sequence[int] = ()) -> list[list[Document]]:
    """Tasks of documents; each cut begins a new task."""
    borders = [0, *sorted(cuts), len(texts)]
    return [
        [
            Document(
                task, number, f"part{task}.jsonl", number + 1, (text,) if isinstance(text, str) else text
            )
            for number, text in enumerate(texts[start:end])
        ]
        for task, (start, end) in enumerate(pairwise(borders))
    ]


def run(
    step: CorpusStep, folder: Path, tasks: Sequence[Sequence[Document]]
) -> list[Verdict | tuple[Verdict, ...]]:
    """The verdicts on all documents, in order."""
    for task, documents in enumerate(tasks):
        with KeyWriter(folder, task=task) as writer:
            for document in documents:
                writer.add(document, step.keys(document))
    step.decide(folder, tasks=len(tasks))
    found = []
    for task, documents in enumerate(tasks):
        verdict = step.verdicts(folder, task=task)
        found += [verdict(document) for document in documents]
    return found
