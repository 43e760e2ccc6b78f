"""All rows of a job are of one layout: that of the first row, unless it was said."""

from __future__ import annotations

from brahma.core.errors import RowError
from brahma.data._validation import parse_row
from brahma.data.layouts import KEYS, Layout, Value, layout_of
from brahma.data.rows import RawRow, Row, place


class OneLayout:
    """Validates rows.

    Args:
        layout: of all rows; None: that of the first valid one.
    """

    def __init__(self, layout: Layout | None) -> None:
        self.layout = layout

    def valid(self, raw: RawRow) -> tuple[Row, Layout]:
        """The row as an example, and its layout.

        Raises:
            RowError: it is malformed, or of another layout.
        """
        layout = self.layout or layout_of(raw.value, where=place(raw.source, raw.line))
        if not _fits(raw.value, layout):
            where = place(raw.source, raw.line)
            found = layout_of(raw.value, where=where)
            raise RowError(
                f"the row is {found}, and the rows before are {layout}",
                where=where,
                hint="Take each kind by itself; --on-bad-row skip leaves the others out",
            )
        row = parse_row(raw, layout)
        self.layout = layout
        return row, layout


def _fits(value: Value, layout: Layout) -> bool:
    """Whether the row has the keys of this layout, be it those of others too."""
    if isinstance(value, str):
        return layout == "text"
    return all(key in value for key in KEYS[layout])
