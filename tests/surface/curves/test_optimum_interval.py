"""Intervals cover what they state, on straight and skewed curves; a naive bootstrap does not."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest

from mutransfer_cli.surface.curves.ladder_fit import fit_ladder
from mutransfer_cli.surface.observation import Observation
from tests.helpers.loss_curves import GRID, HALF_OCTAVES, sweep

FEW, MANY = 120, 1000


def coverage(
    runs: int,
    skew: float,
    confidence: float = 0.95,
    grid: tuple[float, ...] = GRID,
    noise: float = 0.008,
    seeds: int = 2,
) -> tuple[float, float, float]:
    """Shares of optima and of drifts inside their intervals, and of optima resolved."""
    rng = np.random.default_rng(7)
    optima_hit, optima, drift_hit, drifts, asked = 0, 0, 0, 0, 0
    for _ in range(runs):
        first, slope = rng.uniform(-6.5, -5.5), rng.uniform(-0.6, 0.2)
        truth = {w: first + slope * i for i, w in enumerate((32, 64, 128))}
        made = sweep(rng, truth, skew=skew, grid=grid, noise=noise, seeds=seeds)
        found = fit_ladder(made, confidence=confidence)
        for width, rung in found.rungs.items():
            asked += 1
            if rung.optimum is None:
                continue
            optima += 1
            e = rung.optimum
            assert e.low is not None and e.high is not None
            optima_hit += e.low <= truth[width] <= e.high
        drift = found.line.drift if found.line is not None else None
        if drift is not None and drift.low is not None:
            drifts += 1
            assert drift.high is not None
            drift_hit += drift.low <= slope <= drift.high
    return optima_hit / optima, drift_hit / drifts, optima / asked


@pytest.mark.parametrize("skew", [0.0, 0.3])
def test_intervals_cover(skew: float) -> None:
    # 95 % stated; 120 sweeps of 3 rungs have a standard error of 1.1 % and 2 %
    optima, drifts, resolved = coverage(FEW, skew)
    assert optima >= 0.92
    assert drifts >= 0.90
    assert resolved >= 0.95


@pytest.mark.parametrize("skew", [0.0, 0.15, 0.3])
def test_intervals_cover_on_a_finer_grid(skew: float) -> None:
    optima, drifts, _ = coverage(FEW, skew, grid=HALF_OCTAVES)
    print(f"half octaves, skew {skew}: optima {optima:.3f}, drifts {drifts:.3f}")
    assert optima >= 0.92
    assert drifts >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.0, 0.15, 0.3])
def test_intervals_cover_in_many_sweeps(skew: float) -> None:
    optima, drifts, _ = coverage(MANY, skew)
    print(f"skew {skew}: optima {optima:.3f}, drifts {drifts:.3f}")
    assert optima >= 0.935
    assert drifts >= 0.935


def test_a_bootstrap_over_two_seeds_does_not_cover() -> None:
    """The control: resampling two whole seeds, as a notebook would, misses far too often."""
    rng = np.random.default_rng(7)
    hit = 0
    for _ in range(FEW):
        truth = rng.uniform(-6.5, -5.5)
        runs = sweep(rng, {64: truth})
        vertices = []
        for pick in ((0, 0), (0, 1), (1, 0), (1, 1)):
            kept = [
                Observation(64, o.lr, i, o.loss)
                for i, s in enumerate(pick)
                for o in runs
                if o.seed == s
            ]
            x = np.array(sorted({log2(o.lr) for o in kept}))
            y = np.array([np.mean([o.loss for o in kept if log2(o.lr) == v]) for v in x])
            b = int(np.clip(np.argmin(y), 2, len(x) - 3))
            c = np.polyfit(x[b - 2 : b + 3], y[b - 2 : b + 3], 2)
            vertices.append(-c[1] / (2 * c[0]))
        hit += min(vertices) <= truth <= max(vertices)
    assert hit / FEW < 0.75


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.15, 0.3])
def test_little_noise_on_a_finer_grid_is_covered_less_than_stated(skew: float) -> None:
    """A known limit: terms above the cubic one shift the optimum, and no noise hides it."""
    optima, *_ = coverage(FEW, skew, grid=HALF_OCTAVES, noise=0.004, seeds=3)
    print(f"half octaves, little noise, skew {skew}: optima {optima:.3f}")
    assert optima >= 0.90
