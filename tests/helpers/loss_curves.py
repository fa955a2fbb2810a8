"""Simulated sweeps with known optima."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mutransfer_cli.surface.observation import Observation

GRID = tuple(range(-9, -2))
HALF_OCTAVES = tuple(x / 2 for x in range(-18, -5))


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
    """Runs of a ladder; all runs of a seed are shifted alike (common random numbers), plus noise.

    Args:
        rng: Source of the noise.
        optima: log2(lr) of the optimum of each width.
        skew: Of the curves, see `loss`.
        noise: Standard deviation of a loss.
        seeds: Number of seeds of each rate.
        grid: log2 of the learning rates.
        diverges_above: log2(lr) above which every run diverges.
    """
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


def runs_of(
    loss: Callable[[float, int], float], rates: Mapping[float, int], width: int = 64
) -> list[Observation]:
    """Runs of one rung.

    Args:
        loss: Of log2(lr) and the seed.
        rates: How many seeds ran, by log2(lr).
        width: Width of the rung.
    """
    return [Observation(width, 2.0**x, s, loss(x, s)) for x, n in rates.items() for s in range(n)]


def along(axis: str, optima: dict[int, float], **fixed: int) -> list[Observation]:
    """A sweep whose rungs differ along one axis alone."""
    runs = sweep(np.random.default_rng(3), optima, noise=1e-6)
    return [replace(o, **{"width": 64, **fixed, axis: o.width}) for o in runs]


def random_settings(settings: int = 24) -> list[Observation]:
    """Random settings of two hyperparameters; the loss is 2 + .03 u² + .01 v² at 2^-6 and 2^-1."""
    random = np.random.default_rng(0)
    runs = []
    for width in (16, 32):
        for u, v in random.uniform(-2.5, 2.5, (settings, 2)):
            height = 2 + 16 / width + 0.03 * u * u + 0.01 * v * v
            runs.append(
                Observation(width, 2.0 ** (u - 6), 0, height, params={"init_std": 2.0 ** (v - 1)})
            )
    return runs
