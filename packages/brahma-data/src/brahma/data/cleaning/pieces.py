"""The texts of a row that steps see, and the row with what they made of them.

White space between a prompt and its completion is no part of either: it is what a model learns to go on from
(`"tide: "`), so no step sees it, and it stays.
"""

from __future__ import annotations

from collections.abc import Sequence

from brahma.data.layouts import Layout, Value, texts_of, with_texts


def pieces_of(value: Value, layout: Layout) -> tuple[str, ...]:
    """The texts that steps see, as `texts_of`.

    Raises:
        RowError: as `texts_of`.
    """
    if layout != "completion":
        return texts_of(value, layout)
    prompt, completion = texts_of(value, layout)
    return prompt.rstrip(), completion.lstrip()


def with_pieces(value: Value, layout: Layout, pieces: Sequence[str]) -> str | dict[str, object]:
    """The row with other pieces, as many as `pieces_of` gives."""
    if layout != "completion":
        return with_texts(value, layout, pieces)
    prompt, completion = texts_of(value, layout)
    after = prompt[len(prompt.rstrip()) :]
    before = completion[: len(completion) - len(completion.lstrip())]
    return with_texts(value, layout, (pieces[0] + after, before + pieces[1]))
