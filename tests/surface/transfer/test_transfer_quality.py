"""Fit error, robustness and asymptotic penalty of losses for which they are known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import ResponseSurface, interval
from mutransfer_cli.surface.transfer.transfer_quality import (
    Finding,
    asymptotic_penalty,
    fit_error,
    robustness,
)
from tests.surface.transfer.conftest import CURVATURE, Fit

RUNGS = range(4)


def covers(finding: Finding, value: float) -> bool:
    assert finding.draws is not None
    found = interval(finding.draws, 0.95)
    assert found.low is not None and found.high is not None
    return found.low <= value <= found.high


def median(finding: Finding) -> float:
    assert finding.draws is not None
    return float(np.median(finding.draws))


def test_fit_error_of_a_zigzag(quadratic: Fit) -> None:
    # optima .3, -.3, .3, -.3 at z = 0…3. Least squares: slope (-.45 + .15 + .15 - .45)/5 = -.12;
    # what is left squared: 4 x .09 - .12² x 5 = .288, over 4 - 2 freedoms: E = √.144 = .379
    found = fit_error(quadratic([0.3, -0.3, 0.3, -0.3]), 0)
    assert median(found) == pytest.approx(0.379, abs=0.04)


def test_fit_error_of_a_line_is_small(drifting: ResponseSurface) -> None:
    assert median(fit_error(drifting, 0)) < 0.02


def test_two_rungs_have_no_fit_error(quadratic: Fit) -> None:
    found = fit_error(quadratic([0.0, -0.5]), 0)
    assert found.draws is None and "needs 3 rungs" in str(found.reason)


def test_robustness_is_the_exponent_of_the_curvature(quadratic: Fit) -> None:
    # a ∝ n^(1/2): an error of a factor costs √2 times as much per doubling
    found = robustness(quadratic([0.0] * 4, curvatures=[0.02 * 2 ** (z / 2) for z in RUNGS]), RUNGS)
    assert median(found) == pytest.approx(0.5, abs=0.1) and covers(found, 0.5)


def test_robustness_of_a_constant_curvature(still: ResponseSurface) -> None:
    found = robustness(still, RUNGS)
    assert covers(found, 0.0) and abs(median(found)) < 0.05
    assert robustness(still, [0]).draws is None


def test_penalty_of_an_optimum_that_approaches_a_limit(quadratic: Fit) -> None:
    # h = 2 - 2 n^-1: the smallest rung's optimum, 0, ends two octaves off: a/2 x 2² = .04
    surface = quadratic([2 - 2 * 2.0**-z for z in RUNGS])
    found = asymptotic_penalty(surface, RUNGS, 0.95)
    assert covers(found, CURVATURE / 2 * 4)
    assert median(found) == pytest.approx(0.04, rel=0.25)


def test_penalty_without_a_drift_is_nearly_nothing(still: ResponseSurface) -> None:
    found = asymptotic_penalty(still, RUNGS, 0.95)
    assert found.draws is not None and np.quantile(found.draws, 0.975) < 1e-3


def test_a_power_law_has_no_finite_penalty(drifting: ResponseSurface) -> None:
    found = asymptotic_penalty(drifting, RUNGS, 0.95)
    assert found.draws is None and "power law" in str(found.reason)


def test_two_rungs_have_no_penalty(quadratic: Fit) -> None:
    found = asymptotic_penalty(quadratic([0.0, -0.5]), range(2), 0.95)
    assert found.draws is None and "three rungs" in str(found.reason)
