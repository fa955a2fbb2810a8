"""The Parzen estimator goes where losses are low."""

from __future__ import annotations

from statistics import fmean

import pytest

from mutransfer_cli.catalog.samplers import STARTUP
from tests.helpers.rounds import positions


@pytest.mark.parametrize("optimum", [1.0, 7.0])
def test_later_settings_are_nearer_to_the_optimum(optimum: float) -> None:
    """Of 20 settings between 0 and 8: the last ten, after a random start of five."""
    distances = [
        fmean(abs(x - optimum) for x in positions("tpe", 20, lambda x: (x - optimum) ** 2, s)[10:])
        for s in range(3)
    ]
    # a uniform draw is 3.125 away on average: (1² + 7²) / 2 / 8
    assert fmean(distances) < 2.0


def test_the_start_is_random_and_the_rest_depends_on_the_losses() -> None:
    low, high = (positions("tpe", 12, lambda x, s=s: s * x) for s in (1.0, -1.0))
    assert low[:STARTUP] == high[:STARTUP]
    assert low[STARTUP:] != high[STARTUP:]
