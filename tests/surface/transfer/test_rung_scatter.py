"""The scatter of each rung about the common surface."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Runs
from mutransfer_cli.surface.transfer.rung_scatter import rung_scatter


def runs(noise: list[float], shift: float = 0.0) -> Runs:
    """Four rungs with two seeds and 25 settings, whose levels differ by the shift."""
    rng = np.random.default_rng(0)
    x = np.arange(-3, 3.125, 0.25)
    pieces = [
        (z, seed, 0.01 * x**2 + seed * shift + rng.normal(0, noise[z], len(x)))
        for z in range(4)
        for seed in (0, 1)
    ]
    return Runs(
        np.tile(x, 8)[:, None],
        np.concatenate([np.full((len(x), 1), float(z)) for z, _, _ in pieces]),
        np.concatenate([np.full(len(x), seed, dtype=np.int64) for _, seed, _ in pieces]),
        np.concatenate([losses for _, _, losses in pieces]),
    )


def test_the_scatter_is_the_noise() -> None:
    found = rung_scatter(fit_response(runs([1e-3, 1e-3, 6e-3, 1e-3])), 6)
    # of some 36 runs near the optimum, whose fit uses up a few freedoms
    assert found.tolist() == pytest.approx([1e-3, 1e-3, 6e-3, 1e-3], rel=0.4)


def test_levels_of_seeds_do_not_count() -> None:
    found = rung_scatter(fit_response(runs([1e-3] * 4, shift=0.02)), 6)
    assert found.tolist() == pytest.approx([1e-3] * 4, rel=0.4)


def test_a_rung_with_few_runs_has_none() -> None:
    assert np.isnan(rung_scatter(fit_response(runs([1e-3] * 4)), 100)).all()
