"""The input cut into tasks: small files together, big line-based ones by byte ranges that begin at rows.

How it is cut depends on the files alone, never on the number of workers: the report is the same for any.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brahma.data._streams import open_stream, pieces, sniffed
from brahma.data.readers import ReadOptions, TextDocument

TASK_BYTES = 1 << 20
"""Input bytes of a task, at least; they grow with the input, so that there are not too many tasks."""
ENOUGH_TASKS, MOST_TASKS = 64, 2_000
"""More than the first only where tasks would be larger than `_LARGE`: many let processes end together."""
_LARGE = 8 << 20
_LINE_BASED = (".jsonl", ".ndjson")
_CLOSE = 8
"""The places where a task may end are this many times closer than tasks are long."""


@dataclass(frozen=True, slots=True)
class Source:
    """An input file.

    Attributes:
        path: absolute.
        name: as the user wrote it.
        size: bytes on disk.
        running: one document of running text, which is cleaned in pieces and joined again.
    """

    path: Path
    name: str
    size: int
    running: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of an input file that begins at a row.

    Attributes:
        source: number of the file.
        start: first byte.
        line: 1-based, at `start`.
        end: the byte after the last one; None: the end of the file.
    """

    source: int
    start: int = 0
    line: int = 1
    end: int | None = None


Task = tuple[Part, ...]


def cut(sources: Sequence[Source], text_document: TextDocument) -> list[Task]:
    """All tasks, in reading order."""
    total = sum(source.size for source in sources)
    wanted = max(TASK_BYTES, min(_LARGE, total // ENOUGH_TASKS), total // MOST_TASKS)
    tasks: list[Task] = []
    held: list[Part] = []
    held_bytes = 0
    for number, source in enumerate(sources):
        if source.size > wanted and _can_be_cut(source.path):
            tasks += [tuple(held)] if held else []
            tasks += [(part,) for part in _parts(number, source, wanted, text_document)]
            held, held_bytes = [], 0
            continue
        held.append(Part(number))
        held_bytes += source.size
        if held_bytes >= wanted:
            tasks.append(tuple(held))
            held, held_bytes = [], 0
    return [*tasks, tuple(held)] if held else tasks


def task_bytes(task: Task, sources: Sequence[Source]) -> int:
    """Input bytes of a task."""
    return sum((sources[part.source].size if part.end is None else part.end) - part.start for part in task)


def _can_be_cut(path: Path) -> bool:
    """Whether a row can be found in the middle: not in compressed files, nor where a letter is two bytes."""
    return path.suffix.lower() in (*_LINE_BASED, ".txt") and sniffed(path) is None


def _parts(number: int, source: Source, wanted: int, text_document: TextDocument) -> Iterator[Part]:
    starts = _running_starts(source.path) if source.running else _row_starts(source.path, text_document)
    last = Part(number)
    for offset, line in starts:
        if offset - last.start >= wanted and offset < source.size:
            yield Part(number, last.start, last.line, offset)
            last = Part(number, offset, line)
    yield last


def _running_starts(path: Path) -> Iterator[tuple[int, int]]:
    """Offset and line of places where running text may be cut."""
    for line, offset, _ in pieces(path, ReadOptions(lenient=True, piece=TASK_BYTES // _CLOSE)):
        yield offset, line


def _row_starts(path: Path, text_document: TextDocument) -> Iterator[tuple[int, int]]:
    """Offset and line of the first row after every so many bytes."""
    is_paragraphs = path.suffix.lower() == ".txt" and text_document == "blank_line"
    ends = (b"\n\n", b"\n\r\n") if is_paragraphs else (b"\n",)
    held, offset, line = b"", 0, 1  # bytes that may begin an end of a row; where they begin
    with open_stream(path) as stream:
        while block := stream.read(TASK_BYTES // _CLOSE):
            held += block
            at = max(held.rfind(end) + len(end) if end in held else 0 for end in ends)
            if at:
                yield offset + at, line + held.count(b"\n", 0, at)
            passed = max(at, len(held) - len(ends[-1]) + 1)
            offset, line, held = offset + passed, line + held.count(b"\n", 0, passed), held[passed:]
