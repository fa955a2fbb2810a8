"""Whether the losses of a rung change with a hyperparameter by more than their noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mutransfer_cli.fit.decision.rungs.visible_trend import visible_trend

RATES = np.arange(-11.0, -4.0)


def shown(loss: Callable[[float], float], seed: int, noise: float = 0.002) -> bool:
    """What two seeds a rate show, their losses .1 apart."""
    rng = np.random.default_rng(seed)
    settings = np.tile(RATES, 2)
    seeds = np.repeat([0, 1], len(RATES))
    losses = np.array([loss(x) for x in settings]) + 0.1 * seeds
    return visible_trend(settings, losses + rng.normal(0, noise, len(losses)), seeds)


def test_a_flat_curve_shows_a_trend_in_one_of_a_hundred() -> None:
    """500 flat rungs at the level .01: 5 on average; more than 13 in less than .1 %."""
    assert sum(shown(lambda x: 3.0, seed) for seed in range(500)) <= 13


@pytest.mark.parametrize(
    "loss", [lambda x: 3 - 0.004 * x, lambda x: 3 + 0.002 * (x + 8) ** 2], ids=["slope", "bowl"]
)
def test_a_slope_and_a_bowl_show(loss: Callable[[float], float]) -> None:
    """Standard errors are .002 / √56 = .00027 and .002 / √168 = .00015, a thirteenth or less."""
    assert all(shown(loss, seed) for seed in range(20))


def test_three_runs_cannot_tell() -> None:
    assert visible_trend(RATES[:3], np.array([3.0, 3.1, 3.0]), np.zeros(3, int))
