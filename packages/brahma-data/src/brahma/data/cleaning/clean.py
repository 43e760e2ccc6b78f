"""`clean`: data made fit for training, with a report of everything that was done to it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from brahma.core.config.sections import Choice
from brahma.core.errors import DataError
from brahma.core.plugins import get_plugins
from brahma.data.cleaning.counts import Counts
from brahma.data.cleaning.executors import Executor, Stage
from brahma.data.cleaning.folders import enter, job_folder
from brahma.data.cleaning.job import Job
from brahma.data.cleaning.outputs import write_to_stdout
from brahma.data.cleaning.planning import STREAM, Wanted, find_sources, notes_of, plan_job
from brahma.data.cleaning.profile import Profile, load_profile, with_evaluation
from brahma.data.cleaning.report import CleaningReport, NothingLeftError, make_report
from brahma.data.cleaning.stages import read_counts, stages_of
from brahma.data.cleaning.tasks import Source
from brahma.data.layouts import LAYOUT_OF_FORMAT
from brahma.data.readers import TextDocument

CleanFormat = Literal["auto", "text", "jsonl", "chat", "completion", "instruct", "sharegpt"]
Paths = str | Path | Sequence[str | Path]


def clean(
    inputs: Paths,
    output: str | Path | None = None,
    *,
    profile: str | Path | Profile | None = None,
    evaluation: Paths = (),
    report_only: bool = False,
    rejected: str | Path | None = None,
    format: CleanFormat = "auto",
    text_document: TextDocument = "file",
    executor: str = "processes",
    executor_options: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> CleaningReport | None:
    """Clean data: repair it, mask personal data, drop what a profile says and what occurs twice.

    The work is done in a folder `<output>.cleaning`, which is removed at the end. When it is stopped, the
    same call goes on where it was. Memory does not grow with the input.

    Args:
        inputs: files, folders or globs, of any format that can be read.
        output: a file; or a folder, which gets one file for each input file; `"-"`: standard output.
        profile: the name of a built-in one, a file, or a profile itself; None: chosen from the data, the
            report says why.
        evaluation: files of evaluation sets; documents that hold parts of them are treated as the step
            `contamination` says.
        report_only: write nothing; only the report is made.
        rejected: a file for the dropped documents, each with step, reason, detail and place.
        format: what the rows are; `auto` goes by each row's keys.
        text_document: what one document is in a `.txt` file. One that is large is cleaned in pieces, cut at
            paragraphs, and joined again.
        executor: where the work runs: `processes` of this machine, or one of a plugin.
        executor_options: its own, such as `{"workers": 4}`.
        overwrite: an existing output is replaced, and an unfinished other cleaning thrown away.

    Returns:
        The report; None when the work was handed to a scheduler. The same call again finishes it.

    Raises:
        NothingLeftError: no document is left; its `report` says why.
        DataError: an input that cannot be read, an output that cannot be written.
        ConfigError, PluginError: a mistake in the profile, a step or an executor that does not exist.
    """
    began = time.monotonic()
    if output is None and not report_only:
        raise DataError("no output is named", hint="Name a file or folder: --output FILE; or --report-only")
    run_by = _executor(executor, executor_options or {})
    sources = find_sources(_listed(inputs), text_document)
    chosen, why = _profile(profile, sources)
    wanted = Wanted(
        profile=with_evaluation(chosen, [os.path.abspath(path) for path in _listed(evaluation)]),
        inputs=_listed(inputs),
        sources=sources,
        output=None if report_only or output is None else str(output),
        rejected=None if rejected is None else Path(rejected),
        text_document=text_document,
        layout=None if format == "auto" else LAYOUT_OF_FORMAT[format],
        overwrite=overwrite,
    )
    is_piped = STREAM in map(str, [*_listed(inputs), output])  # what comes by a pipe never comes again
    beside = None if output is None or is_piped else Path(output)
    with job_folder(beside) as folder:
        job = plan_job(wanted, folder.path)
        stages = stages_of(job, enter(job, overwrite=overwrite))
        counts = _run(run_by, stages, job)
        if counts is None:
            return None
        if counts.kept and job.stdout:
            write_to_stdout(job)
        folder.is_done = True
    report = make_report(job, counts, why=why, notes=notes_of(job), seconds=time.monotonic() - began)
    if not report.kept:
        raise NothingLeftError(report)
    return report


def _run(executor: Executor, stages: Sequence[Stage], job: Job) -> Counts | None:
    """Run all stages; None when that was handed to a scheduler.

    Raises:
        DataError: the executor's, or the disk is full.
    """
    try:
        is_done = executor.run(stages, folder=job.folder)
    except OSError as error:
        raise DataError(
            "the cleaning cannot go on",
            where=str(error.filename or job.folder),
            why=error.strerror,
            hint="Mend the cause (free some space); then the same command goes on where it was",
        ) from error
    except DataError:
        counts = read_counts(job)
        if counts is None or counts.kept:  # else nothing is left, and the report tells why
            raise
        return counts
    return read_counts(job) if is_done else None


def _listed(paths: Paths) -> list[str | Path]:
    return [paths] if isinstance(paths, str | Path) else list(paths)


def _profile(given: str | Path | Profile | None, sources: Sequence[Source]) -> tuple[Profile, str]:
    """The profile, and why this one when nobody named one."""
    if isinstance(given, Profile):
        return given, ""
    if given is not None:
        return load_profile(given), ""
    from brahma.data.cleaning.choice import choose_profile

    name, why = choose_profile([source.path for source in sources])
    return load_profile(name), why


def _executor(name: str, options: Mapping[str, Any]) -> Executor:
    choice = Choice.model_validate({**options, "name": name})
    entry = get_plugins().find("executor", name)
    checked = get_plugins().options(entry, choice)
    return cast(Executor, get_plugins().load("executor", name)(checked))
