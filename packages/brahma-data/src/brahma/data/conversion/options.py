"""What a user can say about a conversion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from brahma.core.errors import ConfigError
from brahma.data.conversion.rules import Rule
from brahma.data.layouts import Layout
from brahma.data.rows import Role

SystemTurn = Literal["keep", "prompt", "drop"]
Exchanges = Literal["keep", "split", "join"]
ALL_KEYS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How rows become rows of another layout; see `brahma.data.convert`."""

    rule: Rule = "auto"
    prompt: str | None = None
    speakers: Mapping[str, Role] | None = None
    system: SystemTurn = "keep"
    turns: Exchanges = "keep"
    renamed: Mapping[str, str] = field(default_factory=dict)
    keep_keys: Collection[str] | None = None
    drop_keys: Collection[str] = ()

    @property
    def selects(self) -> bool:
        """Whether other keys may be left out."""
        return bool(self.drop_keys) or self.keep_keys is not None

    @property
    def changes_turns(self) -> bool:
        """Whether a row of the same layout becomes another."""
        return self.system != "keep" or self.turns != "keep"

    def check(self, target: Layout | None) -> None:
        """Refuse what cannot be meant.

        Args:
            target: the layout asked for; None: the rows keep theirs.

        Raises:
            ConfigError: two options contradict each other, or one has no meaning for this layout.
        """
        if self.keep_keys is not None and self.drop_keys:
            raise ConfigError("both --keep-keys and --drop-keys", hint="one says what the other does")
        if self.prompt is not None and self.rule not in ("auto", "prompt"):
            raise ConfigError(f"--prompt beside --rule {self.rule}", hint="leave --rule out, or say prompt")
        if self.rule == "prompt" and self.prompt is None:
            raise ConfigError("--rule prompt without a prompt", hint='add --prompt "Write a short text."')
        if self.turns == "join" and target != "completion":
            raise ConfigError(
                "--turns join puts earlier turns into the prompt of a completion",
                hint="choose --format completion, or leave it out: the other layouts keep the turns",
            )
        if self.rule == "join" and target not in (None, "text"):
            raise ConfigError("--rule join makes running text", hint="choose --format text, or another rule")
