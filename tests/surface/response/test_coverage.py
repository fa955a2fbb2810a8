"""Intervals of the surface cover what they state, on simulated sweeps without and with skew.

The truth of each sweep is known, so that its share inside the intervals can be counted.
"""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import fit_response, interval
from mutransfer_cli.surface.response.runs import Runs
from tests.helpers.loss_curves import GRID, HALF_OCTAVES, sweep

FEW, MANY = 120, 1000
WIDTHS = (32, 64, 128)


def runs_of(observations: list[Observation]) -> Runs:
    """The runs in octaves, with the logarithms of their losses."""
    assert all(o.loss is not None and o.width is not None for o in observations)
    return Runs(
        np.array([[np.log2(o.lr)] for o in observations]),
        np.array([[np.log2(o.width or np.nan)] for o in observations]),
        np.array([o.seed for o in observations]),
        np.log([o.loss or np.nan for o in observations]),
    )


def covers(found: Interval, truth: float) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high


def coverage(runs: int, skew: float, grid: tuple[float, ...] = GRID) -> tuple[float, float]:
    """Shares of optima and of drifts inside their 95 % intervals."""
    rng = np.random.default_rng(7)
    optima, drifts = [], []
    for _ in range(runs):
        first, slope = rng.uniform(-6.5, -5.5), rng.uniform(-0.6, 0.2)
        truth = {w: first + slope * i for i, w in enumerate(WIDTHS)}
        surface = fit_response(runs_of(sweep(rng, truth, skew=skew, grid=grid)))
        for width, optimum in truth.items():
            draws = surface.at(np.array([np.log2(width)])).optimum[:, 0]
            optima.append(covers(interval(draws, 0.95), optimum))
        drifts.append(covers(interval(surface.draws.drift[:, 0, 0], 0.95), slope))
    return float(np.mean(optima)), float(np.mean(drifts))


TOO_SHORT = pytest.mark.xfail(
    strict=True,
    reason="known limit: on octaves, 95 % intervals of this skew cover 0.90 (docs/accuracy.md)",
)


@pytest.mark.parametrize("skew", [0.0, pytest.param(0.3, marks=TOO_SHORT)])
def test_intervals_cover(skew: float) -> None:
    # 95 % stated; 120 sweeps of 3 rungs have a standard error of 1.1 % and 2 %
    optima, drifts = coverage(FEW, skew)
    print(f"skew {skew}: optima {optima:.3f}, drifts {drifts:.3f}")
    assert optima >= 0.92
    assert drifts >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0.0, 0.15, 0.3])
def test_intervals_cover_on_a_finer_grid(skew: float) -> None:
    optima, drifts = coverage(FEW, skew, HALF_OCTAVES)
    print(f"half octaves, skew {skew}: optima {optima:.3f}, drifts {drifts:.3f}")
    assert optima >= 0.92
    assert drifts >= 0.90


@pytest.mark.slow
def test_intervals_cover_in_many_sweeps() -> None:
    optima, drifts = coverage(MANY, 0.0)
    print(f"optima {optima:.3f}, drifts {drifts:.3f}")
    assert optima >= 0.935
    assert drifts >= 0.935


def test_intervals_a_third_as_wide_do_not_cover() -> None:
    """The control: the same draws, drawn together to a third of their spread."""
    rng = np.random.default_rng(7)
    hit = []
    for _ in range(40):
        truth = {w: rng.uniform(-6.5, -5.5) for w in WIDTHS}
        surface = fit_response(runs_of(sweep(rng, truth)))
        for width, optimum in truth.items():
            draws = surface.at(np.array([np.log2(width)])).optimum[:, 0]
            middle = np.median(draws)
            hit.append(covers(interval(middle + (draws - middle) / 3, 0.95), optimum))
    assert np.mean(hit) < 0.75
