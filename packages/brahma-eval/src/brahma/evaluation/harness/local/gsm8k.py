"""GSM8K: a question and a worked answer that ends in `#### number` (https://arxiv.org/abs/2110.14168)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from brahma.evaluation.harness.local.fields import rows
from brahma.evaluation.harness.local.request import Request

EXAMPLE = (
    '{"question": "Ann has 2 nets and buys 3. How many has she?", "answer": "2 + 3 = <<2+3=5>>5\\n#### 5"}'
)


def read(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Raises RowError: a field is missing or of a wrong type; the answer names no number at its end."""
    for row in rows(file, EXAMPLE):
        answer = row.text("answer")
        if "#### " not in answer:
            raise row.wrong("answer", "a text that ends in `#### ` and the number", answer)
        yield {"question": row.text("question", empty=False), "answer": answer}
