"""What a configuration may ask for that this version does not have yet.

A part that is configured and absent is refused by name, never ignored. Whoever builds the part deletes its
line.
"""

from __future__ import annotations

from collections.abc import Iterator

from brahma.core.config.problems import Mistake
from brahma.core.config.sections import Config


def refuse_absent_features(config: Config) -> Iterator[Mistake]:
    """One mistake for each configured part that does not exist yet."""
    absent = "this version of Brahma does not have it yet"
    if config.training.deepspeed_config is not None:
        yield Mistake(
            ("training_config.deepspeed_config",), absent, 'remove it, and leave "backend" at "auto"'
        )
