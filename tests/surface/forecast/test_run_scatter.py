"""The scatter of one run about the level of its rung."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.forecast.run_scatter import run_scatter
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Runs


def runs(seeds: int, effect: float, noise: float = 1e-4) -> Runs:
    """Parabolas at three sizes, whose seeds differ by an effect and little else."""
    rng = np.random.default_rng(1)
    rates = np.arange(-9.0, -2.0)
    settings, sizes, numbers, losses = [], [], [], []
    for size in (5.0, 6.0, 7.0):
        for seed in range(seeds):
            shift = effect * rng.standard_normal()
            for x in rates:
                settings.append([x])
                sizes.append([size])
                numbers.append(seed)
                losses.append(0.02 * (x + 6) ** 2 + shift + noise * rng.standard_normal())
    return Runs(np.array(settings), np.array(sizes), np.array(numbers), np.array(losses))


def test_seeds_that_differ_are_measured() -> None:
    # 12 seeds at 3 rungs: 33 degrees of freedom, so the estimate is within 25 % (2 sd) of 0.01
    deviation, freedom = run_scatter(fit_response(runs(12, 0.01)))
    assert deviation == pytest.approx(0.01, rel=0.25)
    assert freedom == 33 + 2


def test_seeds_that_agree_have_little_scatter() -> None:
    deviation, _ = run_scatter(fit_response(runs(12, 0.0)))
    assert deviation < 5e-4


def test_one_seed_is_assumed_to_scatter_by_the_prior() -> None:
    # sigma² (1 + 2²): noise and a seed effect of twice its size
    surface = fit_response(runs(1, 0.0, noise=1e-3))
    deviation, freedom = run_scatter(surface)
    assert freedom == 2
    assert deviation == pytest.approx(float(np.median(surface.draws.noise)) * 5**0.5)
