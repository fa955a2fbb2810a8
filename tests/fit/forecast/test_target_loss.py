"""The loss of one run from the level at a size."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.forecast.target_loss import with_scatter
from mutransfer_cli.interval import Interval


def test_squares_of_half_widths_add() -> None:
    # below: √(0.3² + 0.4²) = 0.5; above: √(0.4² + 0.4²)
    loss = with_scatter(Interval(value=2.0, low=1.7, high=2.4), cost=0.1, scatter=0.4)
    assert loss.value == pytest.approx(2.1)
    assert loss.low == pytest.approx(1.6)
    assert loss.high == pytest.approx(2.1 + 0.4 * 2**0.5)
