"""One mistake in a configuration, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from brahma.core.errors import ConfigError


class ConfigKeyError(ConfigError):
    """One mistake at one key.

    Args:
        key: dotted, as the user wrote it: `training_config.lr`.
        text: what is wrong, to be read after the key.
    """

    def __init__(self, key: str, text: str, *, where: str, hint: str) -> None:
        super().__init__(f"{key}: {text}", where=where, hint=hint)
        self.key = key


@dataclass(frozen=True)
class Mistake:
    """Valid values that make no sense together.

    Attributes:
        keys: dotted, all that have a part in it; it is reported at the first.
    """

    keys: tuple[str, ...]
    text: str
    hint: str


def raise_all(problems: Sequence[ConfigKeyError], name: str) -> None:
    """Raise all problems as one error; nothing when there are none.

    Raises:
        ConfigError: there are problems.
    """
    if problems:
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        by_line: list[ConfigKeyError] = sorted(problems, key=_line)
        raise ConfigError(f"{count} in the configuration", where=name, problems=by_line)


def _line(problem: ConfigKeyError) -> int:
    line = (problem.where or "").rpartition(":")[2]
    return int(line) if line.isdigit() else 0
