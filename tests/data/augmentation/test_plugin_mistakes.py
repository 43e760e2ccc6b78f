"""A stranger's augmenter that does not keep to the contract is named, with what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from brahma.core.errors import PluginError
from brahma.data.augmentation.contract import Augmenter
from brahma.data.augmentation.techniques import choose, outcomes_of
from tests.plugin_factory import install_distribution, plugin_site

PLUGIN = """
from brahma.core.entries import AugmenterEntry
from brahma.core.hookspecs import hookimpl

def nothing(options, seed):
    return None

def fails(options, seed):
    raise OSError("no model here")

@hookimpl
def brahma_augmenters():
    for name in ("nothing", "fails"):
        yield AugmenterEntry(name=name, target=f"brahma_wrong:{name}", summary="wrong")
"""


class Gives(Augmenter):
    engine = "toy"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def variants(self, passages: Sequence[str], count: int) -> Any:
        return [self.outcome for _ in passages]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with plugin_site(tmp_path, monkeypatch) as folder:
        install_distribution(
            folder, "brahma-wrong", files={"brahma_wrong.py": PLUGIN}, entry_points={"wrong": "brahma_wrong"}
        )
        yield folder


@pytest.mark.parametrize("outcome", ["a text", [3], None, {"a": "b"}], ids=repr)
def test_an_outcome_that_is_no_list_of_texts_is_named(outcome: object) -> None:
    with pytest.raises(PluginError, match="'toy' failed") as raised:
        outcomes_of("toy", Gives(outcome), ["a passage"], 1)
    assert repr(outcome) in str(raised.value.why)
    assert "a list of texts, or Failed" in str(raised.value.why)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("name", "why"), [("nothing", "NoneType has no text `engine`"), ("fails", "OSError: no model here")]
)
def test_a_target_that_gives_no_augmenter_is_named(name: str, why: str) -> None:
    (technique,) = choose([name])
    with pytest.raises(PluginError, match=f"'{name}' failed") as raised:
        technique.build(0)
    assert why in str(raised.value.why)
    assert "brahma plugins list" in str(raised.value.hint)
