"""Collapse of loss curves against planted shapes."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.loss_curves.curve_collapse import TAIL, curve_collapse
from mutransfer_cli.surface.loss_curves.loss_curve import LossCurve
from tests.helpers.planted_curves import planted


def test_seeds_that_differ_by_a_factor_supercollapse() -> None:
    """ℓ of c·g(x) does not depend on c: no spread at all, while seeds differ."""
    found = curve_collapse(planted(noise=0.0))
    assert found.ratio.value == pytest.approx(0.0, abs=1e-9)
    assert found.seed_spread == pytest.approx(0.01, rel=0.5)


def test_independent_noise_of_the_bins() -> None:
    """ℓ is a bin less the mean of the last ones: variance σ²(1 + 1/TAIL), derived."""
    found = curve_collapse(planted(seeds=40, seed_scatter=0.0, noise=0.05))
    assert found.ratio.value == pytest.approx((1 + 1 / TAIL) ** 0.5, rel=0.05)
    assert found.ratio.low is not None and found.ratio.high is not None
    assert found.ratio.low < (1 + 1 / TAIL) ** 0.5 < found.ratio.high


def test_a_level_that_follows_the_size_is_no_departure() -> None:
    found = curve_collapse(planted())
    for d in found.departures:
        assert d.level is not None and abs(d.level.value) < 1
        assert abs(d.shape.value) < 1


@pytest.mark.parametrize("end", [1.0, 0.5])
def test_a_size_at_another_rate_departs(end: float) -> None:
    found = curve_collapse(planted(speed={256: 4.0}), end)
    by_name = {d.name: d for d in found.departures}
    largest = max(found.departures, key=lambda d: abs(d.shape.value))
    assert largest is by_name["width 256"]
    low, high = largest.shape.low, largest.shape.high
    assert low is not None and high is not None and (low > 1 or high < -1)


def test_two_sizes_have_no_trend() -> None:
    found = curve_collapse(planted((16, 64)))
    assert [d.level for d in found.departures] == [None, None]


def test_refused() -> None:
    with pytest.raises(InputError, match="two sizes or more are needed, found 1"):
        curve_collapse(planted((16,)))
    with pytest.raises(InputError, match="same 3 seeds or more at every size, found 2"):
        curve_collapse(planted(seeds=2))
    x = np.linspace(0, 1, 50)
    negative = [LossCurve(x, -x - 1, float(w), s, f"{w}") for w in (1, 2) for s in range(3)]
    with pytest.raises(InputError, match="not positive"):
        curve_collapse(negative)
    with pytest.raises(InputError, match="seeds do not differ"):
        curve_collapse(planted(seed_scatter=0.0, noise=0.0))
