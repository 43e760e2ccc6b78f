"""What a cleaning is asked to do becomes a `Job`: files found, outputs named, mistakes refused at once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from brahma.core.errors import DataError
from brahma.core.suffixes import DATA_SUFFIXES
from brahma.data._compression import split_ending
from brahma.data._sources import expand_sources
from brahma.data._standard_input import standard_input
from brahma.data.cleaning.job import COUNTS, Job, Output
from brahma.data.cleaning.outputs import is_running_text
from brahma.data.cleaning.profile import Profile
from brahma.data.cleaning.tasks import Source, cut
from brahma.data.layouts import Layout
from brahma.data.readers import LONGEST_ROW, TextDocument
from brahma.data.writers import check_apart, check_ending, check_output

STREAM = "-"
"""Standard input among the inputs, standard output as the output."""
_FOREIGN = frozenset({".arrow", ".doc", ".docx", ".feather", ".html", ".md", ".pdf", ".xls", ".xlsx", ".xml"})
"""Endings that say a file, though nothing here writes it; others, such as `.v2`, may end a folder's name."""


@dataclass(frozen=True)
class Wanted:
    """What a cleaning is asked to do.

    Attributes:
        inputs: as they were given.
        sources: the files among them.
        output: a file, a folder, `"-"` for standard output; None: only the report is wanted.
        rejected: where dropped documents go.
        text_document: what one document is in plain text.
        layout: of all rows; None: each is recognised.
        overwrite: whether what exists is replaced.
    """

    profile: Profile
    inputs: Sequence[str | Path]
    sources: tuple[Source, ...]
    output: str | None
    rejected: Path | None
    text_document: TextDocument
    layout: Layout | None
    overwrite: bool


def find_sources(inputs: Sequence[str | Path], text_document: TextDocument) -> tuple[Source, ...]:
    """The input files.

    Raises:
        DataError: one is not there, has an unknown ending, or is named twice.
    """
    piped = standard_input() if STREAM in map(str, inputs) else None
    return tuple(
        Source(
            Path(os.path.abspath(path)),
            "<stdin>" if path == piped else str(path),
            path.stat().st_size,
            text_document == "file" and is_running_text(path),
        )
        for path in expand_sources(inputs)
    )


def plan_job(wanted: Wanted, folder: Path) -> Job:
    """The job: outputs named and looked at, the input cut into tasks.

    Raises:
        DataError: what cannot be written, or must not be.
    """
    if (folder / COUNTS).is_file():  # it was stopped while it wrote: what is there is its own
        wanted = replace(wanted, overwrite=True)
    sources, rejected = wanted.sources, wanted.rejected
    to_file = wanted.output not in (None, STREAM)
    outputs = _outputs(wanted, Path(wanted.output)) if wanted.output and to_file else ()
    if rejected is not None:
        check_output(rejected, inputs=[source.path for source in sources], overwrite=wanted.overwrite)
        check_apart(rejected, [output.path for output in outputs], "the dropped documents")
        rejected = Path(os.path.abspath(rejected))
    return Job(
        folder=folder,
        profile=wanted.profile,
        sources=sources,
        tasks=tuple(cut(sources, wanted.text_document)),
        outputs=outputs,
        rejected=rejected,
        text_document=wanted.text_document,
        layout=wanted.layout,
        stdout=_ending_of(sources) if wanted.output == STREAM else "",
    )


def _outputs(wanted: Wanted, output: Path) -> tuple[Output, ...]:
    """What is written: one file, or, into a folder, one for each input file."""
    sources = wanted.sources
    _check_outside(output, wanted.inputs)
    if not _is_folder(output):
        only = Output(Path(os.path.abspath(output)), tuple(range(len(sources))))
        _check([only], wanted)
        return (only,)
    _check_folder_name(output)
    names = [_name_within(wanted.inputs, source) for source in sources]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            "two input files would become one output",
            where=str(output / twice[0]),
            hint="Clean them one after the other, or give the folder that holds both",
        )
    outputs = tuple(Output(Path(os.path.abspath(output / name)), (n,)) for n, name in enumerate(names))
    _make_folders(outputs)
    _check(outputs, wanted)
    return outputs


def _check_outside(output: Path, inputs: Sequence[str | Path]) -> None:
    """Refuse an output below an input folder: the same command, going on, would read it."""
    for folder in (Path(each).expanduser() for each in inputs):
        if folder.is_dir() and output.resolve() != folder.resolve() and _is_below(output, folder):
            raise DataError(
                "the output lies within the input folder",
                where=str(output),
                why=f"{folder} would hold the documents twice",
                hint="Name an output beside the folder",
            )


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _ending_of(sources: Sequence[Source]) -> str:
    """The format of standard output: text when all is running text, else rows."""
    return ".txt" if all(is_running_text(source.path) for source in sources) else ".jsonl"


def notes_of(job: Job) -> list[str]:
    """What a user should know of how the job reads and writes."""
    notes = _evaluation_notes(job)
    for source in (each for each in job.sources if each.running and each.size > LONGEST_ROW):
        writes = [output.path for output in job.outputs if job.sources.index(source) in output.sources]
        if any(not is_running_text(path) for path in writes):
            notes.append(
                f"{source.name} is one document of {source.size / 1e6:,.0f} MB: its rows hold "
                f"{LONGEST_ROW / 1e6:.0f} MB at most"
            )
    return notes


def _evaluation_notes(job: Job) -> list[str]:
    """What of the evaluation sets was not searched for."""
    for number, step in enumerate(job.profile.steps):
        if step.name == "contamination":
            from brahma.data.cleaning.steps.contamination import Contamination, ContaminationOptions

            return list(Contamination(cast(ContaminationOptions, job.profile.options(number))).notes)
    return []


def _is_folder(output: Path) -> bool:
    return output.is_dir() or split_ending(output.name)[0] not in DATA_SUFFIXES


def _check_folder_name(output: Path) -> None:
    """Refuse a folder that would be called as a file of another program is."""
    if not output.is_dir() and output.suffix.lower() in _FOREIGN:
        check_ending(output)


def _name_within(inputs: Sequence[str | Path], source: Source) -> Path:
    """The file's path within the folder that was given, or its name."""
    for given in (Path(os.path.abspath(Path(each).expanduser())) for each in inputs):
        if given.is_dir() and source.path.is_relative_to(given):
            return source.path.relative_to(given)
    return Path(source.path.name)


def _make_folders(outputs: Sequence[Output]) -> None:
    for output in outputs:
        check_ending(output.path)
    for folder in sorted({output.path.parent for output in outputs}):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                "the folder cannot be made",
                where=str(folder),
                why=error.strerror,
                hint="Name a place that can be written to",
            ) from error


def _check(outputs: Sequence[Output], wanted: Wanted) -> None:
    for output in outputs:
        paths = [source.path for source in wanted.sources]
        check_output(output.path, inputs=paths, overwrite=wanted.overwrite)
        _check_kinds(output, wanted.sources)


def _check_kinds(output: Output, sources: Sequence[Source]) -> None:
    """Refuse rows that would be written as running text: they have further keys, and blank lines."""
    rows = [sources[n].name for n in output.sources if not is_running_text(sources[n].path)]
    if is_running_text(output.path) and rows:
        raise DataError(
            "rows cannot be written as running text",
            where=str(output.path),
            why=f"{rows[0]} holds rows",
            hint="Name the output .jsonl; `brahma data convert` makes text of rows",
        )
