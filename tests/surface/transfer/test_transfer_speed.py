"""Fast and slow transfer, where the exponents are known."""

from __future__ import annotations

import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.transfer.transfer_speed import transfer_speed
from tests.surface.transfer.conftest import Fit

RUNGS = range(4)


def inside(value: float, found: Interval | None) -> bool:
    assert found is not None and found.low is not None and found.high is not None
    return found.low <= value <= found.high


def test_a_constant_drift_is_slow(drifting: ResponseSurface) -> None:
    # every doubling costs a/2 x .5² more: gamma = 0; L ∝ n^-.3: alpha = .3
    found = transfer_speed(drifting, RUNGS, 0.95)
    assert found.fast is False
    assert inside(0.0, found.suboptimality) and inside(0.3, found.gap)
    assert found.gap is not None and found.gap.value == pytest.approx(0.3, abs=0.02)


def test_an_optimum_that_approaches_its_limit_is_fast(quadratic: Fit) -> None:
    # h = 2 n^-1: differences halve with every doubling, their costs fall by 4: gamma = 2 > .3
    found = transfer_speed(quadratic([2 * 2.0**-z for z in RUNGS]), RUNGS, 0.95)
    assert found.fast is True and "faster" in found.reason
    assert inside(2.0, found.suboptimality)


def test_no_drift_at_little_cost_is_fast(still: ResponseSurface) -> None:
    found = transfer_speed(still, RUNGS, 0.95)
    assert found.fast is True and "no drift is shown" in found.reason


def test_noise_shows_neither(quadratic: Fit) -> None:
    found = transfer_speed(quadratic([0.0] * 4, noise=0.02, exponent=0.02, step=1.0), RUNGS, 0.95)
    assert found.fast is None


def test_two_rungs_show_no_exponent(quadratic: Fit) -> None:
    found = transfer_speed(quadratic([0.0, 0.0]), range(2), 0.95)
    assert found.fast is None and found.gap is None and "three rungs" in found.reason
    assert found.ratio is not None
