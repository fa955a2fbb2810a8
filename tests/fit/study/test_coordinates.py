"""Coordinates of hyperparameters."""

from __future__ import annotations

from itertools import product

import pytest

from mutransfer_cli.fit.study.coordinates import Coordinate, coordinate, hyperparameters_of
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation


def test_octaves_there_and_back() -> None:
    lr = coordinate("lr", (0.001, 0.004))
    assert lr.octaves and lr.position(0.25) == -2 and lr.value(-2) == 0.25
    interval = lr.interval(Interval(value=-2, low=-3, high=-1))
    assert (interval.low, interval.value, interval.high) == (0.125, 0.25, 0.5)


def test_a_narrow_range_is_linear() -> None:
    """warmup .8 to .95 varies by a factor of 1.2: six steps of .025."""
    share = coordinate("warmup", (0.8, 0.9, 0.95))
    assert not share.octaves and share.unit == pytest.approx(0.025)
    assert share.value(share.position(0.9)) == pytest.approx(0.9)
    searched = coordinate("beta1", (0.8, 0.9, 0.95), Space(linear=(0.8, 1.0), step=0.05))
    assert searched.unit == 0.05


def test_zero_stands_one_step_below_the_smallest() -> None:
    """0.01, 0.04, 0.16 are two octaves apart: zero is at log2(0.01) - 2."""
    decay = coordinate("weight_decay", (0.0, 0.01, 0.04, 0.16))
    assert decay.position(0.0) == pytest.approx(decay.position(0.01) - 2)
    assert decay.value(decay.position(0.0)) == 0 and decay.value(decay.position(0.01)) > 0


def test_negative_values_are_linear() -> None:
    assert coordinate("shift", (-1.0, 0.0, 1.0)) == Coordinate("shift", "linear", unit=2 / 6)


def test_two_values_are_categories_and_one_is_constant() -> None:
    runs = [
        Observation(64, lr, 0, 2.0, params={"tied": tied, "eps": 1e-8})
        for lr, tied in product((0.1, 0.2, 0.4), (0.0, 1.0))
    ]
    found = hyperparameters_of(runs)
    assert found.names == ("lr",)
    assert found.categories == {"tied": (0.0, 1.0)} and found.constant == {"eps": 1e-8}


def test_a_list_of_choices_keeps_its_ends() -> None:
    decay = coordinate("weight_decay", (0.01, 0.1, 1.0), Space(choice=(0.1, 0.01, 1.0)))
    assert decay.octaves and decay.listed == (0.01, 0.1, 1.0)
    assert coordinate("lr", (0.01, 0.1, 1.0)).listed == ()


def test_a_decay_per_step_has_octaves_of_the_steps_that_it_averages() -> None:
    """0.5, 0.75, 0.9375: over 2, 4 and 16 steps; a step further is 32 steps, 0.96875, not 1.19."""
    beta = coordinate("beta2", (0.5, 0.75, 0.9375), Space(choice=(0.5, 0.75, 0.9375)))
    assert beta.octaves and [beta.position(x) for x in (0.5, 0.75, 0.9375)] == [1, 2, 4]
    assert beta.value(5.0) == 0.96875 and beta.value(-3.0) == 0.0
    assert not coordinate("beta2", (0.9, 0.92, 0.94)).octaves  # hardly another number of steps
    assert coordinate("beta2", (0.5, 0.75, 0.9375, 1.0)).scale == "linear"  # 1 never forgets
