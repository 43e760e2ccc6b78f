"""The page of architectures says what the tests of architectures hold, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator

from tests.core.models.architectures import REFUSED, TRAINED
from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "architectures.md"


def names(ends: tuple[str, ...]) -> str:
    return ", ".join(f"`{end}`" for end in ends) or "—"


def trained() -> Iterator[str]:
    yield "| `model_type` | Models | Attention | Feed-forward | 4 bits | More to it |"
    yield "|---|---|---|---|---|---|"
    for model_type, kind in TRAINED.items():
        bits = "yes" if kind.quantized else "no"
        cells = (f"`{model_type}`", kind.known, names(kind.attention), names(kind.mlp), bits, kind.has)
        yield f"| {' | '.join(cells)} |"


def refused() -> Iterator[str]:
    yield "| `model_type` | Models | Because |"
    yield "|---|---|---|"
    for model_type, (known, _, reason) in REFUSED.items():
        yield f"| `{model_type}` | {known} | … {reason} … |"


def test_the_tables_are_those_of_the_tests() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("|")] == [*trained(), *refused()]
