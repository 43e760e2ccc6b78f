"""What a run has trained on up to a position: stretches of tokens, and the text that they were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brahma.data.consumed import Consumed
from brahma.data.dataset import Dataset
from brahma.data.order import Order
from brahma.data.packs import Packing, Packs
from brahma.data.prepare import prepare
from brahma.data.tokenizer import train_tokenizer
from tests.data.shard_factory import numbered, source


def _packs(folder: Path, lengths: list[int], packing: Packing, documents: list[int] | None = None) -> Packs:
    return Packs.build(
        [source(folder / "a", numbered(lengths), documents)],
        folder / "packs",
        seq_length=8,
        packing=packing,
        running_text=packing == "concat",
    )


def _ids(consumed: Consumed) -> list[list[int]]:
    return [
        consumed.packs.tokens(shard, start, stop).tolist()
        for shard, start, stop in consumed.stretches.tolist()
    ]


def test_all_of_an_epoch_is_every_document_whole(tmp_path: Path) -> None:
    packs = _packs(tmp_path, [20, 3, 30], "concat")
    consumed = Consumed(packs, Order(len(packs), seed=1), len(packs))
    assert _ids(consumed) == [list(range(20)), [20, 21, 22], list(range(23, 53))]
    assert (consumed.rows, consumed.tokens) == (3, 53)


@pytest.mark.parametrize("positions", range(8))
def test_a_part_of_an_epoch_is_what_its_packs_hold(tmp_path: Path, positions: int) -> None:
    packs = _packs(tmp_path, [20, 3, 30], "concat")
    order = Order(len(packs), seed=3)
    consumed = Consumed(packs, order, positions)
    trained: set[int] = set()
    for pack in order.packs(0, positions):
        batch = packs.batch([int(pack)])
        trained |= {*batch.input_ids.tolist(), *batch.labels.tolist()}
    found = _ids(consumed)
    assert sorted(trained) == [token for stretch in found for token in stretch]
    assert all(stretch == list(range(stretch[0], stretch[-1] + 1)) for stretch in found)
    assert len(trained) == consumed.tokens
    assert consumed.rows == len({0 if token < 20 else 1 if token < 23 else 2 for token in trained})


def test_further_epochs_add_nothing(tmp_path: Path) -> None:
    packs = _packs(tmp_path, [9, 5, 7, 9], "best_fit")
    once, more = (Consumed(packs, Order(len(packs), seed=0), count) for count in (len(packs), 3 * len(packs)))
    assert np.array_equal(once.stretches, more.stretches)


def test_documents_that_are_held_out_are_not_consumed(tmp_path: Path) -> None:
    packs = _packs(tmp_path, [9, 5, 7, 9], "best_fit", documents=[0, 3])
    consumed = Consumed(packs, Order(len(packs), seed=0), 10)
    assert _ids(consumed) == [list(range(9)), list(range(21, 30))]


def test_nothing_is_nothing(tmp_path: Path) -> None:
    packs = _packs(tmp_path, [9, 5], "best_fit")
    consumed = Consumed(packs, Order(len(packs), seed=0), 0)
    assert (len(consumed.stretches), consumed.rows, consumed.tokens) == (0, 0, 0)


def test_texts_are_those_of_the_rows_and_special_tokens_part_them(tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {n}? ", "completion": f"Number {n}, surely."} for n in range(5)]
    tokenizer = train_tokenizer(["What is 12345? Number 67890, surely."] * 9, vocab_size=300, min_frequency=2)
    prepared = prepare(Dataset.of(rows), tokenizer=tokenizer, seq_length=64, directory=tmp_path, workers=1)
    packs = prepared.train
    consumed = Consumed(packs, Order(len(packs), seed=0), len(packs))
    texts = [each for group in consumed.texts(tokenizer) for each in group]
    assert [each.text.split() for each in texts] == [
        f"What is {n}? Number {n}, surely.".split() for n in range(5)
    ]
    assert sum(each.tokens for each in texts) == consumed.tokens
    assert [consumed.row(each.shard, each.start).line for each in texts] == [1, 2, 3, 4, 5]


def test_a_long_text_comes_in_pieces_that_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brahma.data.consumed._WINDOW", 40)
    monkeypatch.setattr("brahma.data.consumed._BATCH", 100)
    words = [f"w{number}" for number in range(400)]
    tokenizer = train_tokenizer([" ".join(words)] * 3, vocab_size=320, min_frequency=2)
    data = Dataset.of([{"text": " ".join(words)}])
    packs = prepare(data, tokenizer=tokenizer, seq_length=64, directory=tmp_path, workers=1).train
    consumed = Consumed(packs, Order(len(packs), seed=0), len(packs))
    groups = list(consumed.texts(tokenizer, overlap=30))
    pieces = [each.text.split() for group in groups for each in group]
    assert len(groups) > 3
    assert max(len(group) for group in groups) <= 2
    whole = {tuple(words[at : at + 4]) for at in range(397)}
    assert whole <= {tuple(piece[at : at + 4]) for piece in pieces for at in range(len(piece) - 3)}
