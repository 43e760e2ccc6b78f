"""HellaSwag as its authors give it, and as the hub has it (https://arxiv.org/abs/1905.07830)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from brahma.evaluation.harness.local.fields import rows
from brahma.evaluation.harness.local.request import Request

EXAMPLE = (
    '{"ind": 24, "activity_label": "Roof repair", "ctx_a": "A man sits on a roof.", "ctx_b": "he", '
    '"ctx": "A man sits on a roof. he", "endings": ["…", "…", "…", "…"], "label": 3}'
)
_ENDINGS = 4


def read(file: Path, request: Request) -> Iterator[Mapping[str, object]]:
    """Rows with the hub's columns: `label` as text, and what tasks do not read empty where it is absent.

    Raises:
        RowError: a field is missing or of a wrong type; not four endings; a label beyond them, or none, as
            in the test split that the authors keep.
    """
    for number, row in enumerate(rows(file, EXAMPLE)):
        endings = row.texts("endings", _ENDINGS)
        before, begun = row.text("ctx_a"), row.text("ctx_b")
        values = row.values
        yield {
            "ind": values["ind"] if isinstance(values.get("ind"), int) else number,
            "activity_label": row.text("activity_label"),
            "ctx_a": before,
            "ctx_b": begun,
            "ctx": str(values.get("ctx") or f"{before} {begun}".strip()),
            "endings": endings,
            "source_id": str(values.get("source_id") or ""),
            "split": str(values.get("split") or request.evaluated),
            "split_type": str(values.get("split_type") or ""),
            "label": str(row.index("label", _ENDINGS)),
        }
