from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.optima.optimum_score import (
    grid_error,
    nearest_regret,
    score_optima,
)
from tests.helpers.law_tables import optimal, optimum_table


def test_the_regret_is_that_of_the_nearest_run() -> None:
    """Runs at −9, −8, −7 with losses 2.1, 2.0, 2.2; −7.4 is nearest to −7: 10 %."""
    settings = np.array([[-9.0], [-8.0], [-7.0]])
    losses = np.array([2.1, 2.0, 2.2])
    assert nearest_regret(settings, losses, np.array([-7.4])) == pytest.approx(0.1)
    assert nearest_regret(settings, losses, np.array([-7.6])) == 0


def test_repeats_of_a_setting_are_averaged() -> None:
    """2.0 and 2.4 at −8 average to 2.2, which is no better than 2.2 at −7."""
    settings = np.array([[-8.0], [-8.0], [-7.0]])
    assert nearest_regret(settings, np.array([2.0, 2.4, 2.2]), np.array([-7.0])) == 0


def prediction(shift: float):  # type: ignore[no-untyped-def]  # a Predict
    def predict(sizes: Mapping[str, float]) -> dict[str, Interval]:
        best = optimal(sizes["params"], sizes["tokens"]) + shift
        return {
            name: Interval(value=x, low=x - 0.2, high=x + 0.2).exp2()
            for name, x in zip(("lr", "batch"), best, strict=True)
        }

    return predict


def test_right_predictions_are_inside_and_wrong_ones_are_not() -> None:
    table = optimum_table(sizes=(4e8, 1e9))
    right, wrong = score_optima(table, prediction(0.0)), score_optima(table, prediction(1.0))
    assert (right.points, right.inside) == (12, 12)
    assert (wrong.points, wrong.inside) == (12, 0)
    assert wrong.error == pytest.approx(1.0, abs=0.1)
    assert {name: score.points for name, score in wrong.by_quantity.items()} == {
        "lr": 6,
        "batch": 6,
    }


def test_the_best_run_of_a_grid_stands_for_what_lies_about_it() -> None:
    """Rates an octave apart: a uniform error between half an octave below and above, 1/√12."""
    settings = np.array([-9.0, -8.0, -7.0, -8.0])
    assert grid_error(settings, -8.0) == pytest.approx(12**-0.5)
    assert grid_error(np.array([-9.0, -8.0, -7.5]), -7.5) == pytest.approx(0.5 * 12**-0.5)
    assert grid_error(np.array([-8.0, -8.0]), -8.0) == 0
