"""The wall before divergence: its values by hand, and optima before a wall."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response import layout
from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs
from mutransfer_cli.surface.response.wall import COST, STRAIGHT, wall_at

SIZES = (5.0, 6.0, 7.0, 8.0)
DIVERGES = 2.5  # octaves above the optimum


def test_the_wall_by_hand() -> None:
    """s = 4, b = 1.5: A at b less a foot of exp(-6) (1 + 4 v), and exp(2) A half an octave on."""
    v = np.array([[0.0], [1.5], [2.0]])
    cost = wall_at(v, np.log([1.5]), np.log([4.0])).cost[:, 0]
    foot = np.exp(-6.0)
    expected = [0, COST * (1 - 7 * foot), COST * (np.exp(2) - 9 * foot)]
    assert cost == pytest.approx(expected, abs=1e-12)


def test_the_wall_does_not_move_the_optimum() -> None:
    wall = wall_at(np.zeros((1, 1)), np.log([1.0]), np.log([3.0]))
    assert wall.cost.item() == wall.by_offset.item() == 0
    assert wall_at(np.array([[-3.0]]), np.log([1.0]), np.log([3.0])).cost.item() > 0


def test_the_wall_goes_on_as_its_tangent() -> None:
    """From exponent STRAIGHT on, equal steps add exp(STRAIGHT) A s each."""
    at = 1 + (STRAIGHT + np.array([[0.0], [2.0], [4.0]])) / 2  # b = 1, s = 2
    cost = wall_at(at, np.log([1.0]), np.log([2.0])).cost[:, 0]
    foot = COST * np.exp(-2.0) * 2
    assert np.diff(cost) == pytest.approx(COST * np.exp(STRAIGHT) * 2 - foot)


def test_no_wall_at_infinity() -> None:
    wall = wall_at(np.array([[-2.0], [9.0]]), np.array([np.inf]), np.zeros(1))
    for values in (wall.cost, wall.by_offset, wall.by_location, wall.by_steepness):
        assert not values.any()


def before_a_wall(seed: int) -> tuple[Runs, np.ndarray]:
    """A grid of octaves on a parabola that a wall ends, and the optima of its rungs.

    The loss is .01 u^2 + .001 exp(4 (u - 1.2)), whose minimum is at -.0016: 0.02 u = -.004
    exp(-4.8) to first order.
    """
    rng = np.random.default_rng([seed, 16])
    optima = rng.uniform(-1, 1) + rng.uniform(-0.5, 0.5) * np.arange(len(SIZES))
    rates = np.round(optima.mean()) + np.arange(-5.0, 6.0)
    settings, sizes = np.meshgrid(rates, SIZES)
    u = settings - optima[:, None]
    losses = 0.01 * u**2 + 0.001 * np.exp(np.minimum(4 * (u - 1.2), 5)) + 1.0
    losses += rng.normal(0, 0.002, u.shape)
    losses[u > DIVERGES] = np.nan
    numbers = np.zeros(u.size, dtype=np.int64)
    runs = Runs(settings.reshape(-1, 1), sizes.reshape(-1, 1), numbers, losses.reshape(-1))
    return runs, optima - 0.0016


def answers(walls: bool) -> tuple[float, float]:
    """The share of optima inside their 90 % intervals, and the mean error in octaves."""
    inside, errors = [], []
    for seed in range(30):
        runs, optima = before_a_wall(seed)
        assert runs.diverged.any()
        surface = fit_response(runs if walls else runs.select(~runs.diverged))
        for size, optimum in zip(SIZES, optima, strict=True):
            found = interval(surface.at(np.array([size])).optimum[:, 0], 0.9)
            assert found.low is not None
            assert found.high is not None
            inside.append(found.low <= optimum <= found.high)
            errors.append(found.value - optimum)
    return float(np.mean(inside)), float(np.mean(errors))


def test_intervals_hold_optima_before_a_wall() -> None:
    share, error = answers(walls=True)
    print(f"with a wall: {share:.3f} inside, mean error {error:+.3f} octaves")
    assert share >= 0.83  # 90 % stated, with a standard error of 5 % for 30 sweeps
    assert abs(error) < 0.02


def test_without_a_wall_the_optimum_is_put_too_high() -> None:
    """The control: where nothing is known to diverge, the surface has no wall."""
    share, error = answers(walls=False)
    print(f"without a wall: {share:.3f} inside, mean error {error:+.3f} octaves")
    assert error > 0.02


def below_a_wall_that_stays(seed: int) -> Runs:
    """Optima that move by an octave per octave, below rates that diverge at any size.

    The loss is .004 u^2 + .002 exp(4 (u - b)) with b = 4, 3, 2, so that the minimum is at
    -exp(-4 b) or less than .0004 below 0.
    """
    rng = np.random.default_rng([seed, 17])
    sizes = np.array([4.0, 5.0, 6.0])
    optima, walls = np.array([-8.0, -7.0, -6.0]), np.array([4.0, 3.0, 2.0])
    settings, at = np.meshgrid(np.arange(-11.0, 0.0), sizes)
    u = settings - optima[:, None]
    steep = np.minimum(4 * (u - walls[:, None]), 5)
    losses = 0.004 * u**2 + 0.002 * np.exp(steep) + rng.normal(0, 0.006, u.shape)
    losses[u > walls[:, None] + 1] = np.nan
    numbers = np.zeros(u.size, dtype=np.int64)
    return Runs(settings.reshape(-1, 1), at.reshape(-1, 1), numbers, losses.ravel())


def drift_below_a_wall(monkeypatch: pytest.MonkeyPatch, growth: float) -> float:
    """The mean drift of a few fits, of which the truth is 1."""
    monkeypatch.setattr(layout, "WALL_GROWTH_SD", growth)
    drifts = [np.median(fit_response(below_a_wall_that_stays(s)).draws.drift) for s in range(4)]
    return float(np.mean(drifts))


def test_optima_drift_below_a_wall_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    drift = drift_below_a_wall(monkeypatch, layout.WALL_GROWTH_SD)
    print(f"drift {drift:.2f} octaves per octave")
    assert drift > 0.8
    # the control: a wall at a fixed distance from the optimum holds it back
    assert drift_below_a_wall(monkeypatch, 1e-3) < drift - 0.02
