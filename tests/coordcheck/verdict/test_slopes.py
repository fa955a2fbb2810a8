"""Slopes on logarithmic scales, their errors, and the conservative choice between estimates."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mutransfer_cli.coordcheck.verdict.slopes import conservative, exact_slope, fit_slope


@dataclass
class Point:
    size: int
    value: float | None


def test_a_power_law_has_its_exponent_and_no_error() -> None:
    points = [Point(n, 3 * n**-0.5) for n in (64, 128, 256) for _ in range(2)]
    fit = fit_slope(points, lambda p: p.value)
    assert fit is not None
    assert fit.value == pytest.approx(-0.5) and fit.error == pytest.approx(0, abs=1e-12)
    assert exact_slope({p.size: p.value or 0 for p in points}) == pytest.approx(-0.5)


def test_the_error_is_that_of_the_seeds() -> None:
    # slopes 0 and 1 of two seeds: mean 1/2, standard error (1/√2)/√2 = 1/2; four points less two
    points = [Point(1, 1), Point(2, 1), Point(1, 1), Point(2, 2)]
    fit = fit_slope(points, lambda p: p.value)
    assert fit is not None
    assert (fit.value, fit.error, fit.degrees_of_freedom) == (
        pytest.approx(0.5),
        pytest.approx(0.5),
        2,
    )
    report = fit.report(expected=0.0)
    # Student's t at 97.5 % with 2 degrees of freedom: 4.302653 (printed tables)
    assert report.high == pytest.approx(0.5 + 4.302653 * 0.5, rel=1e-6)
    assert report.low == pytest.approx(0.5 - 4.302653 * 0.5, rel=1e-6)


@pytest.mark.parametrize("bad", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_what_has_no_logarithm_has_no_slope(bad: float | None) -> None:
    points = [Point(64, 1.0), Point(128, bad), Point(256, 1.0)]
    assert fit_slope(points, lambda p: p.value) is None


def test_one_size_has_no_slope() -> None:
    assert fit_slope([Point(64, 1.0), Point(64, 2.0)], lambda p: p.value) is None


@pytest.mark.parametrize(
    ("deviations", "chosen"),
    [([0.5, 0.4, 0.9], 0.4), ([-0.5, -0.4], -0.4), ([0.5, -0.1], 0.0), ([0.5, 0.0], 0.0)],
)
def test_the_smallest_of_those_that_agree(deviations: list[float], chosen: float) -> None:
    assert conservative(deviations) == chosen
