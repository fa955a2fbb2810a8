"""The first trials of a rung."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.search.samplers.adaptive_search.search_coordinates import SearchedSpace
from mutransfer_cli.search.samplers.adaptive_search.start_design import (
    affordable_count,
    box_design,
    start_count,
)

TWO = SearchedSpace({"lr": Space(log2=(-12, -3)), "eps": Space(log2=(-30, -20))}, 0)


def test_small_rungs_start_with_more_trials() -> None:
    assert [start_count(number, 1) for number in range(6)] == [8, 4, 5, 5, 5, 5]
    assert [start_count(number, 3) for number in range(5)] == [30, 9, 9, 6, 6]


def test_a_budget_shortens_the_start_or_leaves_a_rung_out() -> None:
    assert affordable_count(10, 4, 1000.0, 2) == 10
    assert affordable_count(10, 4, 10.0, 2) == 8  # four fifths of what is left
    assert affordable_count(10, 4, 4.0, 2) == 0  # three would be too few
    assert affordable_count(10, 4, 6.0, 0) == 6  # the cheapest rung may take all


def test_one_hyperparameter_is_spread_evenly() -> None:
    one = SearchedSpace({"lr": Space(log2=(-12, -3))}, 0)
    points = box_design(one, np.array([-7.0]), np.array([3.0]), 7, (0,))
    assert points[:, 0].tolist() == [-10, -9, -8, -7, -6, -5, -4]


def test_a_box_is_moved_into_the_range() -> None:
    """By hand: a box of six octaves about -4 would end at -1; moved, it is -9 ... -3."""
    points = box_design(TWO, np.array([-4.0, -25.0]), np.array([3.0, 1.0]), 32, (0,))
    assert points.shape == (32, 2)
    assert points[:, 0].min() < -8.5 and points[:, 0].max() == pytest.approx(-3, abs=0.3)
    assert (points[:, 0] <= -3).all() and (points[:, 0] >= -9).all()
    assert (np.abs(points[:, 1] + 25) <= 1).all()
    beyond = SearchedSpace(TWO.spaces, 4)  # the control: the range may be left by 4 octaves
    assert box_design(beyond, np.array([-4.0, -25.0]), np.array([3.0, 1.0]), 32, (0,)).max() > -3
