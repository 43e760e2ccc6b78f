"""All figures of a quickstart, as `quickstart.json` holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brahma.core.runs import write_json


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The outcome. Losses are nats a token; `seconds` maps each step to its wall time.

    Attributes:
        minutes: the training budget.
        text: metrics and counts on the held-out modules, by the pre-trained model.
        zlib_bits_per_byte: of zlib -9 on the same text.
        pairs_before: metrics and counts on the held-out pairs, by the pre-trained model.
        pairs_after: by the tuned one.
    """

    python: str
    minutes: float
    seed: int
    recipe: Mapping[str, Any]
    modules: int
    held_out_modules: int
    pairs: int
    held_out_pairs: int
    num_parameters: int
    text: Mapping[str, float]
    zlib_bits_per_byte: float
    pairs_before: Mapping[str, float]
    pairs_after: Mapping[str, float]
    samples: tuple[Mapping[str, str | None], ...]
    seconds: Mapping[str, float]
    base_run: str
    tuned_run: str

    @property
    def beats_zlib(self) -> bool:
        return self.text["bits_per_byte"] < self.zlib_bits_per_byte

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "beats_zlib": self.beats_zlib}

    def save(self, path: Path) -> None:
        """Write it as JSON; a half-written file never replaces a good one."""
        write_json(path, self.to_dict())
