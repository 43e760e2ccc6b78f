"""Running text on its way to turns: which rule fits it, and a plain text file as a transcript."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Literal

from brahma.core.errors import DataError, RowError
from brahma.data._streams import decoded, lines
from brahma.data.conversion.forms import Talk
from brahma.data.conversion.options import Options
from brahma.data.conversion.rules import Rule, has_paragraphs
from brahma.data.conversion.transcripts import LOOKED_AT, Transcript, looks_like
from brahma.data.conversion.ways import Notes, count_unheeded
from brahma.data.readers import ReadOptions, TextDocument
from brahma.data.rows import BadRow, Role

TextUnit = Literal["auto"] | TextDocument


def rule_for(lines: Iterable[str], options: Options, where: str, *, whole_file: bool = False) -> Rule:
    """What `auto` means for a text, by its first lines.

    Args:
        whole_file: the text is a plain text file that is one document.

    Raises:
        DataError: speakers are named in it, yet it begins with what nobody says.
    """
    if options.prompt is not None:
        return "prompt"
    first = list(lines)
    likeness = looks_like(first)
    if likeness == "partly":
        raise DataError(
            "speakers are named in the text, but it begins with what nobody says",
            where=where,
            hint="--rule transcript names the lines that do not fit; --rule title takes all of it as prose",
        )
    if likeness == "yes":
        return "transcript"
    return "continue" if whole_file and has_paragraphs(first) else "title"


def first_lines(source: Path) -> list[str]:
    """The beginning of a plain text file."""
    return [line for _, line in islice(_numbered(source), LOOKED_AT)]


def talks_of(source: Path, speakers: Mapping[str, Role] | None, notes: Notes) -> Iterator[Talk | BadRow]:
    """The conversations of a plain text file, streamed.

    Raises:
        RowError: a line is not UTF-8: what is said there is not known.
    """
    transcript = Transcript(source, speakers)
    yield from transcript.conversations(_numbered(source))
    count_unheeded(transcript, notes)


def _numbered(source: Path) -> Iterator[tuple[int, str]]:
    for number, offset, data in lines(source, ReadOptions()):
        line = data if isinstance(data, RowError) else decoded(source, number, offset, data)
        if isinstance(line, RowError):
            raise line
        yield number, line
