"""Steady and decaying drifts, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.trend import LIMIT_ODDS, Trend, decay_odds

SIZES = np.array([[5.0, 3.0], [6.0, 3.0], [7.0, 3.0]])


def test_a_steady_drift_follows_the_centered_size() -> None:
    trend = Trend(SIZES)
    assert trend.rungs.tolist() == [[-1, 0], [0, 0], [1, 0]]
    assert trend.at(np.array([9.0, 4.0])).tolist() == [3, 1]


def test_a_decaying_drift_ends_where_its_geometric_series_does() -> None:
    """Steps halve with every octave: 4/3, 2/3 over the span of 2, then 2/3 in all."""
    trend = Trend(SIZES, decays=True)
    center = (0 + 4 / 3 + 2) / 3
    assert trend.rungs[:, 0] == pytest.approx(np.array([0, 4 / 3, 2]) - center)
    assert trend.at(np.array([8.0, 3.0]))[0] == pytest.approx(2 + 1 / 3 - center)
    assert trend.at(np.array([60.0, 3.0]))[0] == pytest.approx(8 / 3 - center)


def test_an_axis_that_no_rung_varies_has_no_decay() -> None:
    assert Trend(SIZES, decays=True).at(np.array([5.0, 4.5]))[1] == pytest.approx(1.5)


def test_every_size_that_varies_must_tend_to_a_limit() -> None:
    assert decay_odds({"width"}, ("width", "depth")) == LIMIT_ODDS > 1
    assert decay_odds({"width"}, ("depth",)) == 1
    assert decay_odds({"width"}, ()) == 1
    assert decay_odds({"width", "steps"}, ("width", "depth")) == 1
    assert decay_odds((), ("width",)) == 1
