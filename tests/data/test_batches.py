import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.data.batches import IGNORE_INDEX, Batch, make_batch, pad_batch, spread


def a_batch(lengths: list[int]) -> Batch:
    slots = sum(lengths)
    labels = np.arange(1, slots + 1, dtype=np.int64)
    labels[::3] = IGNORE_INDEX
    return make_batch(np.arange(slots, dtype=np.int64), labels, np.array(lengths, np.int64))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 7))))
def test_spread_lists_all_ranges_in_a_row(ranges: list[tuple[int, int]]) -> None:
    starts = np.array([start for start, _ in ranges], np.int64)
    lengths = np.array([length for _, length in ranges], np.int64)
    assert spread(starts, lengths).tolist() == [
        index for start, length in ranges for index in range(start, start + length)
    ]


@given(st.lists(st.integers(1, 9)))
def test_positions_begin_anew_at_every_border(lengths: list[int]) -> None:
    batch = a_batch(lengths)
    borders = batch.cu_seqlens.tolist()
    assert borders == [0, *np.cumsum(lengths).tolist()]
    assert batch.position_ids.tolist() == [position for length in lengths for position in range(length)]
    assert batch.max_length == max(lengths, default=0)
    assert batch.supervised == sum(label != IGNORE_INDEX for label in batch.labels)
    assert [array.dtype.name for array in (batch.cu_seqlens, batch.input_ids, batch.position_ids)] == [
        "int32",
        "int64",
        "int64",
    ]


@given(st.lists(st.integers(1, 9)), st.integers(0, 30))
def test_padding_trains_nothing_and_is_seen_by_no_document(lengths: list[int], room: int) -> None:
    batch = a_batch(lengths)
    padded = pad_batch(batch, len(batch) + room, pad_id=7, seq_length=9)
    slots = len(batch)
    assert len(padded) == slots + room
    assert padded.input_ids[:slots].tolist() == batch.input_ids.tolist()
    assert padded.labels[:slots].tolist() == batch.labels.tolist()
    assert set(padded.input_ids[slots:].tolist()) <= {7}
    assert set(padded.labels[slots:].tolist()) <= {IGNORE_INDEX}
    assert padded.supervised == batch.supervised
    assert slots in padded.cu_seqlens
    assert padded.cu_seqlens[-1] == slots + room
    assert padded.max_length <= 9


def test_a_batch_is_never_cut_to_fit() -> None:
    with pytest.raises(ValueError, match="cannot be padded to 3"):
        pad_batch(a_batch([4]), 3, pad_id=0, seq_length=4)
