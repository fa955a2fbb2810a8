"""The line of optima along an axis, by hand."""

from __future__ import annotations

from math import hypot, log2

import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.drift import DriftLine

DRIFT = Interval(value=0.5, low=0.3, high=0.7)
LR = Interval(value=-4.5, low=-4.9, high=-4.1).exp2()


def test_four_octaves_above_the_center_both_errors_add_in_squares() -> None:
    found = DriftLine(drift=DRIFT, center=8, lr=LR).at(128)
    assert found is not None and found.low is not None and found.high is not None
    assert log2(found.value) == pytest.approx(-2.5)
    half = hypot(0.4, 4 * 0.2)
    assert log2(found.high) - log2(found.value) == pytest.approx(half)
    assert log2(found.value) - log2(found.low) == pytest.approx(half)


def test_at_the_center_only_the_level_is_uncertain() -> None:
    found = DriftLine(drift=DRIFT, center=8, lr=LR).at(8)
    assert found is not None and found.high is not None
    assert log2(found.high) == pytest.approx(-4.1)


def test_a_line_without_intervals_predicts_nothing() -> None:
    assert DriftLine(drift=Interval(value=0.5), center=8, lr=LR).at(128) is None
