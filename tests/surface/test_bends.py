"""Bends of a line of optima, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.bends import BEND, BentLine, bend_variance, bends_behind

RUNGS = np.arange(4.0)[:, None]


def test_a_bend_is_what_a_line_leaves_of_half_the_square() -> None:
    """About 1.5, half the squares are 9/8, 1/8, 1/8, 9/8, with a mean of 5/8; 49/8 at 5."""
    line = BentLine.of(RUNGS)
    assert line.bends(RUNGS)[:, 0] == pytest.approx(np.array([0.5, -0.5, -0.5, 0.5]))
    assert line.bends(np.array([[5.0]]))[0, 0] == pytest.approx(49 / 8 - 5 / 8)


def test_two_sizes_have_a_bend_each_and_one_together() -> None:
    """On a grid of −1 and 1 the squares are constant, and the product is on no line."""
    grid = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    bends = BentLine.of(grid).bends(np.vstack([grid, [3.0, 1.0]]))
    assert bends[:4] == pytest.approx(np.array([[0, 1, 0], [0, -1, 0], [0, -1, 0], [0, 1, 0]]))
    assert bends[4] == pytest.approx(np.array([4.0, 3.0, 0.0]))


@pytest.mark.parametrize(
    ("scatter", "share", "sd"), [(BEND, 0.5, BEND / 2**0.5), (1e-4, 1.0, 1e-4), (10.0, 0.0, BEND)]
)
def test_bends_behind_departures(scatter: float, share: float, sd: float) -> None:
    """Departures of a bend b, whose terms above have the squared length 1: b/(1 + scatter²/BEND²).

    The variance is 1/(1/scatter² + 1/BEND²); 40,000 draws know the mean to sd/200.
    """
    terms = BentLine.of(RUNGS).bends(RUNGS)
    departures = np.tile((0.1 * terms)[None], (40_000, 1, 1))
    drawn = bends_behind(departures, np.full((40_000, 1), scatter), terms, seed=0)
    assert drawn.shape == (40_000, 1, 1)
    assert drawn.mean() == pytest.approx(0.1 * share, abs=4 * sd / 200 + 1e-5)
    assert drawn.std() == pytest.approx(sd, rel=0.02)
    left = bend_variance(scatter, terms, np.array([5.5]))
    assert left == pytest.approx((5.5 * sd) ** 2, rel=1e-4)
