"""What a metric of answers is given. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brahma.evaluation.prompting import Prompt


@dataclass(frozen=True)
class Answer:
    """What the model wrote, and what it is compared with.

    Attributes:
        prompt: the text that it went on from, or the conversation that it answered.
        output: what it wrote; only what is new. May be empty.
        references: right answers; metrics are given at least one.
        example: the whole row, with all its keys.
    """

    prompt: Prompt
    output: str
    references: tuple[str, ...]
    example: Mapping[str, Any]
