"""Seeds that not every rate ran shift no optimum, and still narrow its interval."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.curve import curves_of
from mutransfer_cli.surface.curves.seed_effects import run_table
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import only_rung, runs_of

OUTER = (-8.0, -7.0, -5.0, -4.0)


def optimum(runs: list[Observation]) -> Interval:
    rung = only_rung(runs)
    assert rung.optimum is not None, rung.note
    return rung.optimum


def half(runs: list[Observation]) -> float:
    e = optimum(runs)
    assert e.low is not None and e.high is not None
    return (e.high - e.low) / 2


def seeds_of_the_outer_rates(level: float) -> list[Observation]:
    """0.035 (x + 6.2)²: the rates an octave and two from -6 with three seeds, -6 with one."""
    rates = {-6.0: 1, **dict.fromkeys(OUTER, 3)}
    return runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + level * s, rates)


def test_both_effects_by_hand() -> None:
    """Rates 1 and 4, seed 1 lies 2 higher and did not run the second; one residual is 0."""
    table = run_table([{0: 1.0, 1: 3.0}, {0: 4.0}])
    means, residuals = table.effects()
    assert means == pytest.approx([1.0, 4.0])  # at the level of seed 0, which both ran
    assert residuals == pytest.approx([0.0, 0.0, 0.0])
    assert table.degrees_of_freedom == 0
    full = run_table([{0: 1.0, 1: 3.0}, {0: 4.0, 1: 7.0}])
    means, residuals = full.effects()
    assert means == pytest.approx([2.0, 5.5])
    assert residuals == pytest.approx([0.25, -0.25, -0.25, 0.25])
    assert full.degrees_of_freedom == 1


def test_seeds_that_one_rate_lacks_shift_no_optimum() -> None:
    """Each seed's whole curve is a half higher; a mean of every rate would bend at -6."""
    runs = seeds_of_the_outer_rates(0.5)
    assert optimum(runs).value == pytest.approx(-6.2, abs=1e-6)
    (curve,) = curves_of({64: runs}).values()
    assert curve is not None
    # at the level of the seed that all rates ran
    assert curve.means == pytest.approx([2 + 0.035 * (x + 6.2) ** 2 for x in curve.x])
    # the control: plain means, with -6 half a unit too low, have their vertex elsewhere
    plain = np.polyfit(curve.x, [np.mean(list(of.values())) for of in curve.runs], 2)
    assert abs(-plain[1] / (2 * plain[0]) + 6.2) > 0.05


def test_seeds_of_the_outer_rates_narrow_the_interval() -> None:
    """As much as seeds of all five: the middle one says nothing of the slope."""
    rng = np.random.default_rng(2)
    noise = {(x, s): rng.normal(0, 0.008) for x in (*OUTER, -6.0) for s in range(4)}

    def loss(x: float, s: int) -> float:
        return 2 + 0.035 * (x + 6.1) ** 2 + 0.01 * s + noise[x, s]

    one, outer, whole = (
        half(runs_of(loss, {-6.0: middle, **dict.fromkeys(OUTER, n)}))
        for middle, n in ((1, 1), (1, 4), (4, 4))
    )
    assert outer < 0.75 * one
    assert outer < 1.3 * whole


def test_one_rate_that_lacks_the_common_seed_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A seed that failed, or a run more at a seed of its own, costs that rate alone."""
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    lost = [o for o in runs if (o.lr, o.seed) not in {(2.0**-9, 0), (2.0**-3, 1)}]
    for some, points in ((lost, 6), ([*runs, Observation(64, 2.0**-12, 7, 3.0)], 7)):
        with caplog.at_level("DEBUG", "mutransfer_cli.surface"):
            rung = only_rung(some)
        assert rung.points == points
        assert optimum(some).value == pytest.approx(-6.2, abs=1e-6)
        assert rung.loss == pytest.approx(2.5)  # of both seeds, in the window
        assert "learning rates without seed 0" in caplog.text


def test_a_seed_that_one_rate_ran_moves_no_level() -> None:
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    assert only_rung([*runs, Observation(64, 2.0**-6, 9, 9.0)]).loss == pytest.approx(2.5)


def test_rates_without_a_common_seed_are_not_compared() -> None:
    apart = [Observation(64, 2.0**x, i, 2 + (x + 6) ** 2) for i, x in enumerate(range(-9, -2))]
    assert only_rung(apart).optimum is None
