from collections import Counter
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.core.errors import DataError, RowError
from brahma.data._packing import best_fit, supervised_counts
from brahma.data._table import PackSource
from brahma.data.batches import IGNORE_INDEX
from brahma.data.cache import DamagedDataError
from brahma.data.packs import Packing, Packs
from tests.data.shard_factory import BOS, Document, numbered, source

T = 8


def pairs_of(packs: Packs) -> Counter[tuple[int, int]]:
    """Each (input, target) pair of all packs, the target negative where it is not trained on."""
    batch = packs.batch(range(len(packs)))
    return Counter(zip(batch.input_ids.tolist(), batch.labels.tolist(), strict=True))


def expected_pairs(documents: list[Document]) -> Counter[tuple[int, int]]:
    return Counter(
        (ids[i], ids[i + 1] if mask[i + 1] else IGNORE_INDEX)
        for ids, mask in documents
        for i in range(len(ids) - 1)
    )


def check(packs: Packs) -> None:
    """What holds for every pack table."""
    for i in range(len(packs)):
        batch = packs.batch([i])
        assert 0 < len(batch) <= packs.seq_length
        assert batch.supervised == packs.supervised[i] == np.count_nonzero(batch.labels != IGNORE_INDEX) > 0
        assert len(batch.cu_seqlens) - 1 == len(packs.rows(i))
    whole = packs.batch(range(len(packs)))
    totals = packs.counts
    for counts in totals:
        counts.check("a source")
    assert whole.supervised == sum(counts.trained for counts in totals) == packs.supervised.sum()
    assert len(whole) == packs.ledger.inputs == sum(counts.trained + counts.masked for counts in totals)
    assert packs.ledger.slots == packs.ledger.inputs + packs.ledger.padding == len(packs) * packs.seq_length


def text_packs(sources: list[PackSource], folder: Path, **options: Any) -> Packs:
    return Packs.build(sources, folder, running_text=True, **({"seq_length": T} | options))


def example_packs(sources: list[PackSource], folder: Path, **options: Any) -> Packs:
    return Packs.build(sources, folder, running_text=False, **({"seq_length": T} | options))


lengths = st.lists(st.integers(1, 30), min_size=1, max_size=12)


@st.composite
def examples(draw: st.DrawFn, longest: int = T + 1) -> list[Document]:
    made: list[Document] = []
    for length in draw(st.lists(st.integers(2, longest), min_size=1, max_size=12)):
        mask = draw(st.lists(st.integers(0, 1), min_size=length, max_size=length))
        mask[draw(st.integers(1, length - 1))] = 1
        first = sum(len(ids) for ids, _ in made)
        made.append((list(range(first, first + length)), [0, *mask[1:]]))
    return made


@settings(max_examples=60, deadline=None)
@given(lengths, st.lists(st.integers(1, 30), max_size=5), st.integers(1, 12))
def test_concat_holds_every_pair_of_running_text_once(one: list[int], two: list[int], t: int) -> None:
    documents = [numbered([*one, 2]), numbered(two, first=1000)]
    with TemporaryDirectory() as folder:
        sources = [source(Path(folder, str(i)), documents[i]) for i in range(2)]
        packs = text_packs(sources, Path(folder, "packs"), seq_length=t)
        check(packs)
        assert pairs_of(packs) == expected_pairs(documents[0] + documents[1])
        assert (np.diff(packs.offsets) > 0).all()
        full = [len(packs.batch([i])) for i in range(len(packs))]
        assert full[:-1] == [t] * (len(packs) - 1)


@settings(max_examples=60, deadline=None)
@given(examples(), st.sampled_from(["auto", "best_fit", "off"]))
def test_examples_stay_whole_and_every_pair_comes_once(documents: list[Document], packing: Packing) -> None:
    with TemporaryDirectory() as folder:
        sources = [source(Path(folder, "a"), documents)]
        packs = example_packs(sources, Path(folder, "packs"), packing=packing)
        check(packs)
        assert pairs_of(packs) == expected_pairs(documents)
        assert sorted(packs.segments["length"].tolist()) == sorted(len(ids) - 1 for ids, _ in documents)
        if packing == "off":
            assert len(packs) == len(documents)


@settings(max_examples=60, deadline=None)
@given(examples(longest=3 * T), st.sampled_from(["best_fit", "off", "concat"]))
def test_split_rows_lose_only_pairs_that_train_nothing(documents: list[Document], packing: Packing) -> None:
    with TemporaryDirectory() as folder:
        sources = [source(Path(folder, "a"), documents)]
        packs = example_packs(sources, Path(folder, "packs"), packing=packing, on_long_row="split")
        check(packs)
        lost = expected_pairs(documents) - pairs_of(packs)
        assert not pairs_of(packs) - expected_pairs(documents)
        assert {target for _, target in lost} <= {IGNORE_INDEX}
        assert sum(lost.values()) == packs.counts[0].dropped
        assert packs.num_bytes == sum(sum(mask[1:]) for _, mask in documents)


def test_a_cut_document_goes_on_in_the_next_pack_from_position_0(tmp_path: Path) -> None:
    packs = text_packs([source(tmp_path / "a", numbered([12]))], tmp_path / "packs")
    first, second = packs.batch([0]), packs.batch([1])
    assert first.labels.tolist() == list(range(1, 9))
    assert (second.input_ids.tolist(), second.labels.tolist()) == ([8, 9, 10], [9, 10, 11])
    assert second.position_ids.tolist() == [0, 1, 2]


def test_a_batch_keeps_the_order_of_its_packs_and_can_be_padded(tmp_path: Path) -> None:
    packs = text_packs([source(tmp_path / "a", numbered([20]))], tmp_path / "packs", pad_id=9)
    batch = packs.batch([2, 0], pad_to=2 * T)
    assert batch.input_ids.tolist() == [16, 17, 18, *range(8), *[9] * 5]
    assert batch.cu_seqlens.tolist() == [0, 3, 11, 16]
    assert batch.supervised == 11
    assert len(packs.batch([])) == 0


def test_one_selection_of_documents_is_packed(tmp_path: Path) -> None:
    documents = numbered([5, 6, 7, 8])
    chosen = source(tmp_path / "a", documents, documents=[1, 3])
    packs = text_packs([chosen], tmp_path / "packs")
    check(packs)
    assert pairs_of(packs) == expected_pairs([documents[1], documents[3]])
    assert packs.counts[0].documents == 2
    assert {ref.line for i in range(len(packs)) for ref in packs.rows(i)} == {2, 4}


def test_packs_that_train_on_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    documents: list[Document] = [(list(range(25)), [0] * 20 + [1] * 5)]
    packs = example_packs(
        [source(tmp_path / "a", documents)],
        tmp_path / "packs",
        packing="concat",
    )
    check(packs)
    assert len(packs) == 1
    assert packs.counts[0].dropped == 16


long_rows: list[Document] = [
    ([BOS, *range(50, 70)], [0] * 18 + [1] * 3),  # 21 tokens, prompt of 18
    ([1, 2, 3], [0, 0, 1]),
]


def build(tmp_path: Path, documents: list[Document], **options: Any) -> Packs:
    chat = source(tmp_path / "chat", documents)
    packs = example_packs([chat], tmp_path / "packs", **options)
    check(packs)
    return packs


def test_a_long_row_is_an_error_that_names_line_lengths_and_policies(tmp_path: Path) -> None:
    with pytest.raises(RowError) as caught:
        build(tmp_path, long_rows)
    assert caught.value.where == "chat.jsonl:1"
    assert "21 tokens" in str(caught.value)
    assert "seq_length 8" in str(caught.value)
    for policy in ("cut_prompt", "split", "drop"):
        assert policy in str(caught.value.hint)


def test_cut_prompt_keeps_bos_and_the_whole_answer(tmp_path: Path) -> None:
    packs = build(tmp_path, long_rows, on_long_row="cut_prompt", packing="off")
    batch = packs.batch([1])
    assert batch.input_ids.tolist() == [BOS, *range(62, 69)]
    assert batch.labels.tolist() == [*[IGNORE_INDEX] * 5, 67, 68, 69]
    assert packs.counts[0].truncated == 21 - 9
    assert packs.rows(1)[0].line == 1


def test_cut_prompt_without_bos_keeps_the_end(tmp_path: Path) -> None:
    packs = build(tmp_path, [(list(range(50, 71)), [0] * 18 + [1] * 3)], on_long_row="cut_prompt")
    assert packs.batch([0]).input_ids.tolist() == list(range(62, 70))
    assert packs.counts[0].truncated == 12


@pytest.mark.parametrize(("prompt", "fits"), [(13, True), (12, False)])
def test_cut_prompt_never_cuts_the_answer(tmp_path: Path, prompt: int, fits: bool) -> None:
    documents: list[Document] = [([BOS, *range(50, 70)], [0] * prompt + [1] * (21 - prompt))]
    if fits:
        assert build(tmp_path, documents, on_long_row="cut_prompt").supervised.tolist() == [8]
    else:
        with pytest.raises(RowError, match="9 tokens from its first answer on") as caught:
            build(tmp_path, documents, on_long_row="cut_prompt")
        assert caught.value.where == "chat.jsonl:1"


def test_dropped_rows_are_counted_with_their_bytes(tmp_path: Path) -> None:
    packs = build(tmp_path, long_rows, on_long_row="drop")
    assert len(packs) == 1
    assert packs.counts[0].dropped == 20
    assert packs.counts[0].documents == 2
    assert packs.num_bytes == 1


def test_nothing_left_to_train_on_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing is left to train on") as caught:
        build(tmp_path, long_rows[:1], on_long_row="drop")
    assert caught.value.where == "chat.jsonl"


def test_rows_name_file_line_and_offset(tmp_path: Path) -> None:
    packs = text_packs([source(tmp_path / "a", numbered([5, 9, 4]))], tmp_path / "packs")
    assert [tuple(ref) for ref in packs.rows(0)] == [("a.jsonl", 1, 0, 0), ("a.jsonl", 2, 100, 1)]
    assert [ref.line for ref in packs.rows(1)] == [2, 3]


def test_the_same_packing_is_built_once_and_opened_again(tmp_path: Path) -> None:
    chosen = [source(tmp_path / "a", numbered([20]))]
    one = text_packs(chosen, tmp_path / "packs")
    stamp = (one.folder / "segments.npy").stat().st_mtime_ns
    two = text_packs(chosen, tmp_path / "packs")
    assert (two.folder / "segments.npy").stat().st_mtime_ns == stamp
    three = Packs.open(one.folder)
    assert one.fingerprint == two.fingerprint == three.fingerprint
    assert pairs_of(one) == pairs_of(three)
    other = text_packs(chosen, tmp_path / "packs", seq_length=T + 1)
    assert other.fingerprint != one.fingerprint


def test_a_damaged_table_is_refused_when_opened_and_rebuilt_when_built(tmp_path: Path) -> None:
    chosen = [source(tmp_path / "a", numbered([20]))]
    packs = text_packs(chosen, tmp_path / "packs")
    (packs.folder / "offsets.npy").write_bytes(b"")
    with pytest.raises(DamagedDataError):
        Packs.open(packs.folder)
    assert len(text_packs(chosen, tmp_path / "packs")) == 3


def slow_best_fit(lengths: list[int], capacity: int) -> list[int]:
    """Rooms left by plain best-fit decreasing."""
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms.remove(min(fitting))
        rooms.append((min(fitting) if fitting else capacity) - length)
    return sorted(rooms)


@given(st.integers(1, 40).flatmap(lambda c: st.tuples(st.just(c), st.lists(st.integers(1, c), max_size=60))))
def test_best_fit_fills_packs_as_the_plain_algorithm_does(case: tuple[int, list[int]]) -> None:
    capacity, sizes = case
    pack_of, packs = best_fit(np.array(sizes, np.int64), capacity)
    filled = np.bincount(pack_of, sizes, minlength=packs).astype(int)
    assert sorted((capacity - filled).tolist()) == slow_best_fit(sizes, capacity)


@given(st.lists(st.integers(0, 1), min_size=2, max_size=80), st.integers(1, 20), st.data())
def test_supervised_counts_are_those_of_the_mask_in_any_order(
    mask: list[int], block: int, data: st.DataObject
) -> None:
    borders = sorted(data.draw(st.sets(st.integers(0, len(mask) - 1), min_size=2)))
    spans = data.draw(st.permutations(list(pairwise(borders))))
    starts = np.array([start for start, _ in spans], np.int64)
    stops = np.array([stop for _, stop in spans], np.int64)
    counts = supervised_counts(np.array(mask, np.uint8), starts, stops - starts, block=block)
    assert counts.tolist() == [sum(mask[start + 1 : stop + 1]) for start, stop in spans]
