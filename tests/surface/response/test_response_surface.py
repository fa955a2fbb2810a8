"""The response surface on losses whose optimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs


def plane(noise: float = 0.0005, drift: float = -0.5) -> Runs:
    """Two entangled hyperparameters on four rungs.

    The valley is .02 (u1^2 + u2^2 + u1 u2), the optimum (1 + drift z, -2).
    """
    rng = np.random.default_rng(3)
    pieces = []
    for z in range(4):
        h = np.array([1.0, -2.0]) + rng.uniform(-2.5, 2.5, (30, 2))
        u = h - np.array([1.0 + drift * z, -2.0])
        excess = 0.02 * ((u**2).sum(1) + u[:, 0] * u[:, 1])
        losses = 1.0 - 0.1 * z + excess + noise * rng.standard_normal(30)
        pieces.append((h, np.full((30, 1), float(z)), losses))
    settings, sizes, losses = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return Runs(settings, sizes, np.arange(len(losses)), losses)


def test_optimum_drift_and_entanglement_of_a_parabola() -> None:
    surface = fit_response(plane())
    for z in range(4):
        optimum = surface.at(np.array([float(z)])).optimum
        for j, true in enumerate((1.0 - 0.5 * z, -2.0)):
            found = interval(optimum[:, j], 0.99)
            assert found.low is not None
            assert found.high is not None
            assert found.low <= true <= found.high
            assert found.high - found.low < 0.5
    drift = interval(surface.draws.drift[:, 0, 0], 0.9)
    assert drift.value == pytest.approx(-0.5, abs=0.1)
    draws = surface.draws
    directions = np.exp(draws.scale)[:, :, None] * draws.mixing
    hessian = np.median(np.einsum("dki,dkj->dij", directions, directions), axis=0)
    assert hessian[0, 0] == pytest.approx(0.04, rel=0.2)  # twice .02
    assert hessian[0, 1] == pytest.approx(0.02, rel=0.3)


def test_the_excess_at_a_rung_is_the_truths() -> None:
    """One octave off along the first hyperparameter costs .02."""
    surface = fit_response(plane())
    excess = surface.excess(np.array([2.0, -2.0]), np.zeros(1))
    found = interval(excess, 0.99)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= 0.02 <= found.high
    assert surface.excess(np.array([1.0, -2.0]), np.zeros(1)).mean() < 0.002  # the control


def test_beyond_the_ladder_the_optimum_is_less_sure() -> None:
    surface = fit_response(plane())
    inside = surface.at(np.array([3.0])).optimum[:, 0].std()
    near, far = (surface.at(np.array([z])).optimum[:, 0] for z in (5.0, 7.0))
    assert inside < near.std() < far.std()
    assert np.median(near) == pytest.approx(1.0 - 0.5 * 5, abs=0.3)


def test_optima_that_bend_are_followed() -> None:
    """Optima −z + b z²/2 on rungs 0 … 6; at 9 the line through them misses by 16 b.

    By hand: about the mean of 3, half the square has a mean of 2 over the rungs, and is 18 at 9.
    The line's 90 % interval was -8.2 to -7.3 where the truth is -6.98. Where nothing bends, the
    rungs say so, and the interval is narrow.
    """
    for bend in (0.05, 0.0):
        rungs = np.arange(7.0)
        best = -rungs + bend * rungs**2 / 2
        settings = np.concatenate([np.round(b) + np.arange(-3.0, 4.0) for b in best])
        sizes = np.repeat(rungs, 7)
        noise = 1e-4 * np.random.default_rng(0).standard_normal(len(sizes))
        losses = 1 - 0.1 * sizes + 0.02 * (settings - np.repeat(best, 7)) ** 2 + noise
        runs = Runs(settings[:, None], sizes[:, None], np.zeros(len(sizes), np.int64), losses)
        surface = fit_response(runs)
        found = interval(surface.at(np.array([9.0])).optimum[:, 0], 0.9)
        truth = -9 + bend * 81 / 2
        assert found.low is not None
        assert found.high is not None
        assert found.low <= truth <= found.high
        assert found.value == pytest.approx(truth, abs=8 * bend + 0.02)
        assert bend or found.high - found.low < 0.4


def test_a_run_that_is_absurd_hardly_moves_the_optimum() -> None:
    runs = plane()
    clean = np.median(fit_response(runs).at(np.zeros(1)).optimum, axis=0)
    losses = runs.losses.copy()
    losses[5] += 0.05  # 100 standard deviations, inside the window
    spoiled = fit_response(Runs(runs.settings, runs.sizes, runs.seeds, losses))
    assert np.median(spoiled.at(np.zeros(1)).optimum, axis=0) == pytest.approx(clean, abs=0.1)
    worst = int(np.argmax(np.abs(spoiled.members[0].mode.residuals)))
    assert spoiled.members[0].problem.runs.losses[worst] == losses[5]


def test_the_same_runs_give_the_same_draws() -> None:
    first, second = (fit_response(plane()).draws.optimum for _ in range(2))
    assert (first == second).all()


def test_diverged_runs_keep_the_optimum_below_them() -> None:
    """Three rates fall towards the highest; above it all diverged: it cannot be far above."""
    rates = np.tile(np.arange(-4.0, 1.0), 2)
    sizes = np.repeat([0.0, 1.0], 5)
    losses = 0.02 * (rates + 1) ** 2 + 1e-4 * np.random.default_rng(0).standard_normal(10)
    losses[rates >= 0] = np.nan
    runs = Runs(rates[:, None], sizes[:, None], np.zeros(10, dtype=np.int64), losses)
    optimum = fit_response(runs).at(np.zeros(1)).optimum[:, 0]
    assert np.quantile(optimum, 0.95) < 0
