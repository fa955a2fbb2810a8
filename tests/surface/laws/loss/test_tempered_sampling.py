"""Draws from posteriors that are known."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.loss.tempered_sampling import tempered_draws


@pytest.mark.parametrize("sd", [1.0, 0.01, 1e-4])
def test_a_normal_posterior(sd: float) -> None:
    """Of prior N(0, 1) and a datum 0.5 ± sd: mean 0.5/(1 + sd²), variance sd²/(1 + sd²)."""

    def log_likelihood(x: Array) -> Array:
        return np.asarray(-(((x - 0.5) / sd) ** 2).sum(1) / 2)

    draws = tempered_draws(log_likelihood, size=6, count_log2=12, seed=0)
    variance = sd**2 / (1 + sd**2)
    assert draws.shape == (4096, 6)
    assert draws.mean(0) == pytest.approx(np.full(6, 0.5 / (1 + sd**2)), abs=0.15 * variance**0.5)
    assert draws.std(0) == pytest.approx(np.full(6, variance**0.5), rel=0.15)


def test_two_modes_keep_their_shares() -> None:
    """Modes at 2 and −1, alike in likelihood: the prior weighs them as e^(−2) and e^(−1/2)."""

    def log_likelihood(x: Array) -> Array:
        return np.asarray(-np.minimum((x[:, 0] - 2) ** 2, (x[:, 0] + 1) ** 2) / (2 * 0.02**2))

    draws = tempered_draws(log_likelihood, size=2, count_log2=12, seed=1)
    expected = np.exp(-2.0) / (np.exp(-2.0) + np.exp(-0.5))
    assert (draws[:, 0] > 0.5).mean() == pytest.approx(expected, abs=0.04)
    assert draws[:, 1].std() == pytest.approx(1.0, rel=0.05)


def test_nothing_known_leaves_the_prior() -> None:
    draws = tempered_draws(lambda x: np.zeros(len(x)), size=3, count_log2=12, seed=2)
    assert draws.mean(0) == pytest.approx(np.zeros(3), abs=0.06)
    assert draws.std(0) == pytest.approx(np.ones(3), rel=0.05)
