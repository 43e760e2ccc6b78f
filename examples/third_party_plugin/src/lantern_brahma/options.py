"""What a configuration may say beside a name."""

from typing import Annotated

from pydantic import Field

from brahma.core.config.sections import Section


class SignumOptions(Section):
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of the running mean of gradients."""


class WordOrderOptions(Section):
    swaps: Annotated[int, Field(ge=1)] = 1
    """Of two neighbours each."""


class LossFileOptions(Section):
    digits: Annotated[int, Field(ge=1, le=12)] = 6
    """After the point."""
