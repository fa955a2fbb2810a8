"""Seeds that not every rate ran do not bend the curve."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.curves.curve import Curve, curves_of
from mutransfer_cli.surface.curves.seed_effects import run_table
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import runs_of

OUTER = (-8.0, -7.0, -5.0, -4.0)


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


def test_seeds_that_one_rate_lacks_do_not_bend_the_curve() -> None:
    """Each seed's whole curve is a half higher; a mean of every rate would bend at -6."""
    runs = seeds_of_the_outer_rates(0.5)
    (curve,) = curves_of({64: runs}).values()
    assert curve is not None
    # at the level of the seed that all rates ran
    assert curve.means == pytest.approx([2 + 0.035 * (x + 6.2) ** 2 for x in curve.x])
    # the control: plain means, with -6 half a unit too low, have their vertex elsewhere
    plain = np.polyfit(curve.x, [np.mean(list(of.values())) for of in curve.runs], 2)
    assert abs(-plain[1] / (2 * plain[0]) + 6.2) > 0.05


def curve_at_64(runs: list[Observation]) -> Curve:
    found = curves_of({64: runs})[64]
    assert found is not None
    return found


def test_one_rate_that_lacks_the_common_seed_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A seed that failed, or a run more at a seed of its own, costs that rate alone."""
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    lost = [o for o in runs if (o.lr, o.seed) not in {(2.0**-9, 0), (2.0**-3, 1)}]
    for some, points in ((lost, 6), ([*runs, Observation(64, 2.0**-12, 7, 3.0)], 7)):
        with caplog.at_level("DEBUG", "mutransfer_cli.surface"):
            curve = curve_at_64(some)
        assert len(curve.x) == points
        # at the level of the seeds that all of these rates ran
        level = 2 if some is lost else 2.5
        assert curve.means == pytest.approx([level + 0.035 * (x + 6.2) ** 2 for x in curve.x])
        assert "learning rates without seed 0" in caplog.text


def test_a_seed_that_one_rate_ran_moves_no_level() -> None:
    runs = runs_of(lambda x, s: 2 + 0.035 * (x + 6.2) ** 2 + s, {x: 2 for x in range(-9, -2)})
    more = curve_at_64([*runs, Observation(64, 2.0**-6, 9, 9.0)])
    others = more.x != -6
    assert more.means[others] == pytest.approx(curve_at_64(runs).means[others])


def test_rates_without_a_common_seed_are_not_compared() -> None:
    apart = [Observation(64, 2.0**x, i, 2 + (x + 6) ** 2) for i, x in enumerate(range(-9, -2))]
    assert len(curve_at_64(apart).x) == 1
