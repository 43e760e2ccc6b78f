from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brahma.core.config import Choice, Section
from brahma.core.errors import ConfigError
from brahma.core.plugins import get_plugins
from brahma.train.choices import DecayOptions, InverseSqrtOptions, PolynomialOptions, StableOptions
from brahma.train.schedules import LearningRate, constant, cosine, inverse_sqrt, linear, polynomial, wsd

DECAYS = pytest.mark.parametrize("schedule", [linear, cosine])


def rates(
    schedule: Callable[[float, Any], float], *, warmup: int, total: int, floor: float = 0.0
) -> list[float]:
    rate = LearningRate(
        2.0, warmup_steps=warmup, total_steps=total, schedule=schedule, options=DecayOptions(min_ratio=floor)
    )
    return [rate(step) for step in range(total)]


@DECAYS
@given(total=st.integers(1, 50), warmup=st.integers(0, 60), floor=st.floats(0, 1))
def test_up_to_lr_then_down_to_the_floor(
    schedule: Callable[[float, Any], float], total: int, warmup: int, floor: float
) -> None:
    found = rates(schedule, warmup=warmup, total=total, floor=floor)
    rising, falling = found[:warmup], found[warmup:]
    assert rising == pytest.approx([2.0 * (step + 1) / warmup for step in range(len(rising))])
    assert falling == sorted(falling, reverse=True)
    assert all(2.0 * floor - 1e-12 <= rate <= 2.0 + 1e-12 for rate in falling)
    if falling:
        assert falling[0] == pytest.approx(2.0)


@DECAYS
@given(data=st.data(), total=st.integers(1, 50), warmup=st.integers(0, 20))
def test_the_rate_depends_on_the_step_alone(
    schedule: Callable[[float, Any], float], data: st.DataObject, total: int, warmup: int
) -> None:
    steps = data.draw(st.permutations(range(total)))
    rate = LearningRate(
        2.0, warmup_steps=warmup, total_steps=total, schedule=schedule, options=DecayOptions()
    )
    found = {step: rate(step) for step in steps}
    assert [found[step] for step in range(total)] == rates(schedule, warmup=warmup, total=total)


def test_no_step_is_wasted_on_a_rate_of_zero() -> None:
    assert rates(linear, warmup=0, total=4) == pytest.approx([2.0, 1.5, 1.0, 0.5])
    assert rates(linear, warmup=2, total=4) == pytest.approx([1.0, 2.0, 2.0, 1.0])
    assert rates(cosine, warmup=0, total=2) == pytest.approx([2.0, 1.0])
    assert rates(linear, warmup=0, total=1) == [2.0]


@DECAYS
def test_past_the_end_stays_the_floor(schedule: Callable[[float, Any], float]) -> None:
    options = DecayOptions(min_ratio=0.25)
    rate = LearningRate(2.0, warmup_steps=1, total_steps=4, schedule=schedule, options=options)
    assert rate(4) == rate(100) == pytest.approx(0.5)


def test_constant_stays() -> None:
    rate = LearningRate(2.0, warmup_steps=2, total_steps=5, schedule=constant)
    assert [rate(step) for step in range(5)] == [1.0, 2.0, 2.0, 2.0, 2.0]


SHAPES = st.one_of(
    st.builds(lambda floor: (linear, DecayOptions(min_ratio=floor)), st.floats(0, 1)),
    st.builds(lambda floor: (cosine, DecayOptions(min_ratio=floor)), st.floats(0, 1)),
    st.builds(
        lambda floor, part, shape: (wsd, StableOptions(min_ratio=floor, decay_fraction=part, shape=shape)),
        st.floats(0, 1),
        st.floats(0.01, 1),
        st.sampled_from(["linear", "cosine", "1-sqrt"]),
    ),
    st.builds(
        lambda floor, power: (polynomial, PolynomialOptions(min_ratio=floor, power=power)),
        st.floats(0, 1),
        st.floats(0.5, 8),
    ),
    st.builds(
        lambda floor, scale: (inverse_sqrt, InverseSqrtOptions(min_ratio=floor, timescale=scale)),
        st.floats(0, 1),
        st.floats(0.001, 10),
    ),
)


@given(chosen=SHAPES, progress=st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_each_falls_without_a_leap_from_one_to_its_floor(
    chosen: tuple[Callable[[float, Any], float], Any], progress: list[float]
) -> None:
    schedule, options = chosen
    found = [schedule(at, options) for at in sorted(progress)]
    assert all(options.min_ratio - 1e-12 <= value <= 1 + 1e-12 for value in found)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(found))
    for at in progress:  # the square root's steepest place moves by 3e-4
        assert abs(schedule(min(1.0, at + 1e-9), options) - schedule(at, options)) < 1e-3
    assert schedule(0.0, options) == pytest.approx(1.0)
    end = options.min_ratio
    if isinstance(options, InverseSqrtOptions):
        end = max(end, 1 / math.sqrt(1 + 1 / options.timescale))
    assert schedule(1.0, options) == pytest.approx(end)


def test_wsd_stays_then_falls_in_its_last_part() -> None:
    for shape, half in (("linear", 0.5), ("cosine", 0.5), ("1-sqrt", 1 - math.sqrt(0.5))):
        options = StableOptions.model_validate({"decay_fraction": 0.4, "shape": shape, "min_ratio": 0.1})
        assert [wsd(at, options) for at in (0.0, 0.3, 0.6)] == pytest.approx([1.0, 1.0, 1.0])
        assert wsd(0.8, options) == pytest.approx(0.1 + 0.9 * half)
        assert wsd(0.9, options) < wsd(0.8, options)


def test_a_polynomial_of_power_one_is_a_line() -> None:
    for at in (0.0, 0.25, 0.7, 1.0):
        line = linear(at, DecayOptions(min_ratio=0.2))
        assert polynomial(at, PolynomialOptions(min_ratio=0.2, power=1.0)) == pytest.approx(line)
    assert polynomial(0.5, PolynomialOptions()) == 0.25


def test_inverse_sqrt_goes_on_from_the_warm_up_by_the_square_root_of_the_step() -> None:
    options = InverseSqrtOptions(timescale=4 / 96)
    rate = LearningRate(2.0, warmup_steps=4, total_steps=100, schedule=inverse_sqrt, options=options)
    assert [rate(step) for step in (4, 16, 36, 64)] == pytest.approx([2.0, 1.0, 2 / 3, 0.5])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linear", DecayOptions),
        ("cosine", DecayOptions),
        ("wsd", StableOptions),
        ("polynomial", PolynomialOptions),
        ("inverse_sqrt", InverseSqrtOptions),
    ],
)
def test_each_is_registered_as_a_plugin_would(name: str, options: type[Section]) -> None:
    plugins = get_plugins()
    found = plugins.options(plugins.find("schedule", name), Choice(name=name), "training_config.schedule")
    assert found == options()
    assert plugins.load("schedule", name)(0.0, found) == 1.0


def test_constant_takes_no_options() -> None:
    plugins = get_plugins()
    assert plugins.options(plugins.find("schedule", "constant"), Choice(name="constant")) is None
    assert plugins.load("schedule", "constant")(0.3, None) == 1.0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("wsd", {"shape": "sqrt"}),
        ("wsd", {"decay_fraction": 0.0}),
        ("polynomial", {"power": 0.0}),
        ("inverse_sqrt", {"timescale": 0.0}),
    ],
)
def test_a_bad_option_is_named(name: str, options: dict[str, Any]) -> None:
    plugins = get_plugins()
    choice = Choice.model_validate({"name": name, **options})
    with pytest.raises(ConfigError, match=next(iter(options))):
        plugins.options(plugins.find("schedule", name), choice, "training_config.schedule")
