"""Which tokens of a rendered conversation are supervised: the assistant's words and the end of each turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from brahma.core.errors import TemplateError

if TYPE_CHECKING:
    from brahma.data.templates import Rendered


@dataclass(frozen=True, slots=True, eq=False)
class Supervised:
    """Supervised tokens of a text.

    Attributes:
        mask: uint8 `[n]`; 1 where the token is supervised.
        num_bytes: UTF-8 bytes that the supervised tokens spell, end tokens apart.
    """

    mask: NDArray[np.uint8]
    num_bytes: int


def supervise(
    rendered: Rendered, offsets: NDArray[np.int64], special: NDArray[np.bool_], *, template: str, where: str
) -> Supervised:
    """Map the assistant's stretches of text to tokens.

    A token that reaches over the border of a stretch is masked. Each turn's end token is supervised, and
    nothing after it.

    Args:
        rendered: the text and the assistant's stretches of it.
        offsets: `[n, 2]`, the characters that each token spells, blanks included.
        special: `[n]`, whether the token is a special one and could end a turn.
        template: the template's name, for errors.
        where: the row, for errors.

    Raises:
        TemplateError: a turn has no end token, so the model would never learn to stop.
    """
    mask = np.zeros(len(offsets), np.uint8)
    num_bytes = 0
    for start, stop in rendered.spans:
        first = int(np.searchsorted(offsets[:, 0], start))
        end = _end_token(rendered.text, offsets, special, first, stop)
        if end is None:
            raise TemplateError(
                f"{template} ends the assistant's turn with no special token",
                where=where,
                why="the model would never learn to stop",
                hint="End the turn with {{ eos_token }}, inside of {% generation %} if the template has it",
            )
        mask[first : end + 1] = 1
        num_bytes += len(rendered.text[offsets[first, 0] : offsets[end, 0]].encode())
    return Supervised(mask, num_bytes)


def _end_token(
    text: str, offsets: NDArray[np.int64], special: NDArray[np.bool_], first: int, stop: int
) -> int | None:
    """The special token that ends the stretch: its last but for blanks, or the one right behind it.

    (A special token may swallow the blanks around it, so its own end may lie behind `stop`.)
    """
    after = int(np.searchsorted(offsets[:, 0], stop))
    inside = first + np.flatnonzero(special[first:after])
    if len(inside) and not text[offsets[inside[-1], 1] : stop].strip():
        return int(inside[-1])
    if after < len(offsets) and special[after] and offsets[after, 0] == stop:
        return after
    return None
