"""The profile for data of which nobody said what it is: found by looking at the beginnings of some files.

Only the careful profiles are ever chosen. The strong ones drop what a user may want: they are for asking.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from brahma.core.errors import RowError
from brahma.data.cleaning.outputs import is_running_text
from brahma.data.layouts import Value, layout_of, texts_of
from brahma.data.readers import BadRow, read_rows

Form = Literal["text", "code", "conversation"]

_FILES, _ROWS, _CHARACTERS = 16, 32, 100_000
"""How many files are looked at, and how much of each: rows (lines of running text: thirty times as many)."""
_LINES = 30 * _ROWS
_PROFILES: Mapping[Form, tuple[str, str]] = {
    "text": ("repair", "running text"),
    "code": ("repair-code", "source code"),
    "conversation": ("repair-chat", "conversations, or prompts with completions"),
}
_PATH_KEYS = ("path", "file_path", "filename", "file_name", "max_stars_repo_path")
_CODE_ENDING = re.compile(
    r"\.(?:c|h|cc|cpp|hpp|cs|css|go|java|jsx?|kt|lua|php|pl|py|r|rb|rs|scala|sh|sql|swift|tsx?|vue|zig)\Z",
    re.I,
)
_CODE_LINE = re.compile(
    r"\s*(?:"
    r".*[;{}]\s*\Z|.*\)\s*:\s*\Z|[\])}]+[,;]?\s*\Z|//|/\*|\*/|#\s*(?:include|define|if|endif|pragma)\b|#!|@\w+|"
    r"(?:import|from|def|class|return|elif|else:|try:|except|raise|assert|yield|public|private|static|const|let|"
    r"var|func|fn|package|using|namespace|struct|enum|void|int|if|for|while) ?[\w({\"'*.]+.*[({:)=,\w]\Z|"
    r"[\w.\[\]\"']+(?: ?: ?\w+)?\s*[-+*/|&]?=[^=]|[\w.]+\(.*\)?,?\s*\Z)"
)
_CODE_SHARE = 0.4
"""Of the lines with text, so many look like code in most programs; in documentation far fewer do."""


def choose_profile(sources: Sequence[Path]) -> tuple[str, str]:
    """The careful profile that fits the data, and why, in words for the report.

    Looks at the first rows of at most 16 files, spread over all.

    Args:
        sources: the files.

    Raises:
        DataError: a file cannot be read.
    """
    step = max(1, -(-len(sources) // _FILES))
    forms = Counter(form for source in sources[::step] for form in _forms(source))
    if not forms:
        return "repair", "nothing could be told from the data: no row could be read"
    form, found = forms.most_common(1)[0]
    name, words = _PROFILES[form]
    return name, f"{found:,} of {forms.total():,} documents looked at are {words}"


def _forms(source: Path) -> Iterator[Form]:
    """What the first documents of a file are."""
    if is_running_text(source):
        lines = "\n".join(text for value in _values(source, _LINES) if isinstance(text := value, str))
        if lines:
            yield _form_of_text(lines)
        return
    for value in _values(source, _ROWS):
        yield _form(value)


def _values(source: Path, rows: int) -> Iterator[Value]:
    """The first rows that can be read, as many as the limits allow."""
    characters = 0
    for row in islice(read_rows(source, text_document="line"), rows):  # by lines: no file is held whole
        if characters > _CHARACTERS:
            return
        if not isinstance(row, BadRow):
            characters += len(str(row.value))
            yield row.value


def _form(value: Value) -> Form:
    try:
        layout = layout_of(value)
        if layout != "text":
            return "conversation"
        return "code" if _names_code(value) else _form_of_text("\n".join(texts_of(value, layout)))
    except RowError:  # the cleaning itself will name it
        return "text"


def _names_code(value: Value) -> bool:
    """Whether a key beside the text names a file of a program."""
    paths = [value.get(key) for key in _PATH_KEYS] if isinstance(value, Mapping) else []
    return any(isinstance(path, str) and _CODE_ENDING.search(path) for path in paths)


def _form_of_text(text: str) -> Form:
    lines = [line for line in text[:_CHARACTERS].split("\n") if line.strip()]
    code = sum(_CODE_LINE.match(line) is not None for line in lines)
    return "code" if lines and code / len(lines) >= _CODE_SHARE else "text"
