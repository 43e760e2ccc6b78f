import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brahma.data.order import ORDER_VERSION, Order, permute

seeds = st.integers(0, 2**64 - 1)

FROZEN = [6, 5, 8, 4, 9, 2, 7, 3, 1, 0, 6, 9, 2, 0, 1, 5, 3, 7, 4, 8]


@given(st.integers(1, 5000), seeds, st.integers(0, 100))
def test_each_pack_comes_once_an_epoch(size: int, seed: int, epoch: int) -> None:
    packs = Order(size, seed).packs(epoch * size, (epoch + 1) * size)
    assert np.array_equal(np.sort(packs), np.arange(size))


@pytest.mark.parametrize("size", [*range(1, 70), 255, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097])
def test_small_sizes_and_powers_of_two_are_permuted(size: int) -> None:
    assert np.array_equal(np.sort(permute(np.arange(size), size, seed=1)), np.arange(size))


@settings(max_examples=20)
@given(st.integers(10**6, 2**40), seeds, st.integers(0, 2**40))
def test_large_sizes_stay_inside_and_never_collide(size: int, seed: int, start: int) -> None:
    packs = Order(size, seed).packs(start, start + 2000)
    assert packs.min() >= 0
    assert packs.max() < size
    for epoch in np.unique(np.arange(start, start + 2000) // size):
        inside = packs[np.arange(start, start + 2000) // size == epoch]
        assert len(np.unique(inside)) == len(inside)


@settings(deadline=None)  # a size of 1 makes 1,000 epochs
@given(st.integers(1, 200), seeds, st.integers(0, 500), st.integers(0, 500))
def test_any_window_is_the_same_part_of_the_same_stream(
    size: int, seed: int, start: int, length: int
) -> None:
    order = Order(size, seed)
    assert np.array_equal(order.packs(start, start + length), order.packs(0, start + length)[start:])


def test_epochs_and_seeds_differ() -> None:
    order = Order(1000, 42)
    first, second = order.packs(0, 1000), order.packs(1000, 2000)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, Order(1000, 43).packs(0, 1000))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15
    assert abs(np.corrcoef(first, np.arange(1000))[0, 1]) < 0.15


def test_positions_spread_evenly() -> None:
    """The first tenth of an epoch draws from everywhere: about a tenth from each tenth."""
    counts = np.histogram(Order(100_000, 7).packs(0, 10_000), bins=10, range=(0, 100_000))[0]
    assert counts.min() > 850
    assert counts.max() < 1150


def test_the_order_of_version_1_never_changes() -> None:
    """A run resumed years later reads the same packs; change this only together with ORDER_VERSION."""
    assert ORDER_VERSION == 1
    assert Order(10, 42).packs(0, 20).tolist() == FROZEN


def test_without_shuffling_the_packs_keep_their_order() -> None:
    assert Order(3, 42, shuffle=False).packs(2, 8).tolist() == [2, 0, 1, 2, 0, 1]


def test_no_packs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pack"):
        Order(0, 42)
