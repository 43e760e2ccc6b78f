"""WikiText by the page, as lm-eval's task has it: running text parted at its top headings.

The pages are those of the hub's `EleutherAI/wikitext_document_level`; the text: https://arxiv.org/abs/1609.07843
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from brahma.core.error_text import first_line
from brahma.core.errors import DataError
from brahma.evaluation.harness.local.fields import empty, rows
from brahma.evaluation.harness.local.request import Request

EXAMPLE = '{"page": " = Robert Boulter = \\n …"}; in a file of text, ` = Robert Boulter = ` begins a page'
REPLACED = "<unk>"
"""In the text whose rare words were replaced; lm-eval's task is on the raw one."""
_TEXT = (".raw", ".txt", ".tokens")


def read(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Rows `{page}`, of the text's pages or of rows with that field.

    Raises:
        DataError: the file cannot be read or is empty.
        RowError: a row without a page.
    """
    if file.suffix.lower() not in _TEXT:
        for row in rows(file, EXAMPLE):
            yield {"page": row.text("page")}
        return
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "this file cannot be read", where=str(file), why=first_line(error), hint="it must be UTF-8 text"
        ) from error
    if not text.strip():
        raise empty(file, EXAMPLE)
    for page in pages(text.split("\n")):
        yield {"page": page}


def pages(lines: Iterable[str]) -> Iterator[str]:
    """A page begins at a heading of the first level, ` = Title = `; joined by line ends they are the text.

    What stands before the first heading is a page too, if it is more than blank lines.
    """
    page: list[str] = []
    for line in lines:
        if is_title(line) and page:
            if any(each.strip() for each in page):
                yield "\n".join(page)
            page = []
        page.append(line)
    yield "\n".join(page)


def is_title(line: str) -> bool:
    """Whether it is ` = Title = `, and no ` = = Section = = ` or deeper."""
    joined = line.replace("= = =", "===").replace("= =", "==").strip()
    return joined.startswith("= ") and joined.endswith(" =")
