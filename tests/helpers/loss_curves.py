"""Simulated sweeps with a known optimum."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.observation import Observation

GRID = tuple(range(-9, -2))


def loss(x: float, optimum: float, skew: float, level: float) -> float:
    """Near the optimum 0.035 octave⁻², as measured; with skew, steeper above than below."""
    t = x - optimum
    return level + 0.035 * t**2 * (1 + skew * np.tanh(t / 2))


def sweep(
    rng: np.random.Generator,
    optima: dict[int, float],
    *,
    skew: float = 0.0,
    noise: float = 0.008,
    seeds: int = 2,
    grid: tuple[float, ...] = GRID,
    diverges_above: float = 99.0,
) -> list[Observation]:
    """Two seeds whose curves are shifted as a whole (common random numbers), plus noise."""
    runs = []
    for width, optimum in optima.items():
        level = 2.2 + 3 / width
        for seed in range(seeds):
            shift = rng.normal(0, 0.01)
            for x in grid:
                value = loss(x, optimum, skew, level) + shift + rng.normal(0, noise)
                lost = x > diverges_above
                runs.append(Observation(width, 2.0**x, seed, None if lost else value))
    return runs
