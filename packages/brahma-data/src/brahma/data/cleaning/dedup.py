"""`dedup`: a cleaning that only removes what occurs twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from brahma.core.config.sections import Choice
from brahma.core.errors import ConfigError
from brahma.data.cleaning.clean import CleanFormat, Paths, clean
from brahma.data.cleaning.profile import Profile
from brahma.data.cleaning.report import CleaningReport
from brahma.data.readers import TextDocument

Duplicates = Literal["exact", "paragraphs", "near"]

_STEPS: Mapping[Duplicates, str] = {
    "exact": "exact_documents",
    "paragraphs": "exact_paragraphs",
    "near": "near_duplicates",
}


def dedup(
    inputs: Paths,
    output: str | Path | None = None,
    *,
    find: Sequence[Duplicates] = ("exact", "near"),
    report_only: bool = False,
    rejected: str | Path | None = None,
    format: CleanFormat = "auto",
    text_document: TextDocument = "file",
    executor: str = "processes",
    executor_options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> CleaningReport | None:
    """Remove what occurs twice, and change nothing else.

    Args:
        inputs: files, folders or globs; duplicates are found across all of them.
        output: as `clean` takes it.
        find: `exact`: documents with the same text, of which the first stays; `near`: documents that share
            most of their runs of words, of which the longest stays; `paragraphs`: long paragraphs that stand
            earlier in the corpus. For other options of these steps write a profile and use `clean`.
        report_only: write nothing; only the report is made.
        rejected: a file for the dropped documents, each with the place of the one that stays.
        format: what the rows are; `auto` goes by each row's keys.
        text_document: what one document is in a `.txt` file.
        executor: where the work runs.
        executor_options: its own.
        overwrite: an existing output is replaced, and an unfinished other cleaning thrown away.

    Returns:
        The report; None when the work was handed to a scheduler.

    Raises:
        ConfigError: nothing is to be found.
        DataError: as `clean`.
    """
    if not find or set(find) - set(_STEPS):
        raise ConfigError(
            f"find is {list(find)}, which names no duplicates", hint=f"Name some of: {', '.join(_STEPS)}"
        )
    steps = tuple(Choice(name=step) for name, step in _STEPS.items() if name in find)
    return clean(
        inputs,
        output,
        profile=Profile("dedup", "Only what occurs twice is removed", steps),
        report_only=report_only,
        rejected=rejected,
        format=format,
        text_document=text_document,
        executor=executor,
        executor_options=executor_options,
        overwrite=overwrite,
    )
