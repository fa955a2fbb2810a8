from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices
from mutransfer_cli.surface.laws.loss.extrapolation import enough_to_cut, widening


def cut_fit(error: float):  # type: ignore[no-untyped-def]  # a CutFit
    def fit(kept: Indices, left_out: Indices) -> tuple[Array, Array, Array]:
        rng = np.random.default_rng(0)
        draws = rng.standard_normal((500, len(left_out)))
        return np.full(len(left_out), error), draws, 0 * draws

    return fit


def test_intervals_that_hold_are_not_widened() -> None:
    assert widening(np.arange(100.0), cut_fit(0.5), 0.95) == 1.0


def test_errors_of_six_deviations_ask_for_three_times_the_width() -> None:
    """±1.96 covers 6 when it is 6/1.96 = 3.06 times as wide; the grid's steps are of 10 %."""
    assert 2.9 < widening(np.arange(100.0), cut_fit(6.0), 0.95) < 4.0


def test_small_tables_are_not_cut() -> None:
    """The smallest cut keeps 55 % of the rows, and needs six for each of three parameters."""
    assert not enough_to_cut(32, 3) and enough_to_cut(33, 3)
