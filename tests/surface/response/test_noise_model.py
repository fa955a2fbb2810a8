"""Losses that are means of several runs count for as many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mutransfer_cli.surface.response.noise_model import NoiseModel
from mutransfer_cli.surface.response.response_surface import fit_response
from mutransfer_cli.surface.response.runs import Runs


def test_the_variance_of_a_mean_is_that_of_a_run_over_their_number() -> None:
    """(.03^2 + (.5 * .08)^2) / n = .0025 / n."""
    counts = np.array([1.0, 4.0])
    noise = NoiseModel(np.array([0.03]), 0.5, counts, counts)
    variance = noise.variance(np.zeros(2, dtype=int), np.full(2, 0.08))
    assert variance == pytest.approx([0.0025, 0.000625])


def test_an_optimum_is_nearer_to_that_of_the_means() -> None:
    """Two parabolas through the same settings, with optima -.2 and .2: means of 25 outweigh."""
    x = np.arange(-3.0, 3.5, 0.5)
    settings = np.concatenate([x, x])[:, None]
    optima = np.repeat([-0.2, 0.2], len(x))
    losses = 1 + 0.01 * (settings[:, 0] - optima) ** 2
    losses = losses + np.random.default_rng(0).normal(0, 1e-4, len(losses))
    runs = Runs(settings, np.zeros((len(losses), 1)), np.zeros(len(losses), dtype=int), losses)

    def optimum(runs: Runs) -> float:
        return float(np.median(fit_response(runs).at(np.zeros(1)).optimum))

    weighted = replace(runs, repeats=np.repeat([1.0, 25.0], len(x)))
    assert optimum(weighted) == pytest.approx((-0.2 + 25 * 0.2) / 26, abs=0.06)
    assert optimum(runs) == pytest.approx(0, abs=0.06)  # the control
