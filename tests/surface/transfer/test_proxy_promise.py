"""What a sweep of a proxy promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.transfer.proxy_promise import (
    cheapest,
    found_covariance,
    promised_regret,
    standard_design,
)
from tests.surface.transfer.conftest import CURVATURE, Fit

SMALL, LARGE = np.array([0.0]), np.array([3.0])


def test_the_standard_designs() -> None:
    # nine rates half an octave apart, two seeds; 32 quasi-random settings for two, 64 for three
    assert standard_design(1).trials == 18
    assert [standard_design(p).trials for p in (2, 3, 4)] == [32, 64, 64]
    assert np.abs(standard_design(3).offsets).max() <= 2


def test_the_error_is_that_of_least_squares(quadratic: Fit) -> None:
    """Level and curvature known, Var h = s²/(a² Σx²); unknown ones can only add to it."""
    noise = 2e-3
    design = standard_design(1)
    surface = quadratic([0.0] * 4, noise=noise)
    least = noise**2 / (CURVATURE**2 * 2 * float((design.offsets**2).sum()))
    found = float(found_covariance(surface, SMALL, design)[0, 0])
    assert 0.5 * least < found < 8 * least
    more = replace(design, seeds=8)
    assert float(found_covariance(surface, SMALL, more)[0, 0]) < 0.8 * found


def test_without_drift_a_small_proxy_keeps_a_small_promise(still: ResponseSurface) -> None:
    regret = promised_regret(still, SMALL, LARGE, standard_design(1))
    assert np.quantile(regret, 0.975) < 0.002


def test_with_drift_the_promise_is_its_cost(drifting: ResponseSurface) -> None:
    # 1.5 octaves off at the target: a/2 x 1.5² = .0225
    regret = promised_regret(drifting, SMALL, LARGE, standard_design(1))
    assert float(np.median(regret)) == pytest.approx(CURVATURE / 2 * 1.5**2, rel=0.1)
    nearer = promised_regret(drifting, np.array([2.0]), LARGE, standard_design(1))
    assert float(np.median(nearer)) == pytest.approx(CURVATURE / 2 * 0.5**2, rel=0.2)


def test_an_unknown_drift_widens_the_promise(still: ResponseSurface) -> None:
    regret = promised_regret(still, SMALL, LARGE, standard_design(1), drift_sd=1.0)
    assert float(regret.mean()) == pytest.approx(CURVATURE / 2, rel=0.15)  # a/2 x 1²


def test_the_cheapest_within_the_tolerance() -> None:
    assert cheapest([3.0, 1.0, 2.0], [0.001, 0.01, 0.002], 0.005) == 2
    assert cheapest([3.0, 1.0, 2.0], [0.01, 0.01, 0.02], 0.005) is None
