"""Ladders of runs with known optima and losses at every size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.surface.observation import Observation

RATES = np.arange(-9.0, -2.0)


def true_optimum(width: float, steps: float = 100) -> float:
    """log2 of the best rate: it falls by 0.1 octaves per octave of width and 0.5 of steps."""
    return float(-6 - 0.1 * np.log2(width / 32) - 0.5 * np.log2(steps / 100))


def true_loss(width: float, steps: float = 100) -> float:
    """The loss at the optimum, a power law in both sizes."""
    return float(1 + 2 * (width / 32) ** -0.5 + 0.5 * (steps / 100) ** -0.3)


def runs_at(
    sizes: Sequence[tuple[int, int]],
    *,
    rates: Sequence[float] = tuple(RATES),
    seeds: int = 2,
    noise: float = 1e-3,
    seed: int = 0,
) -> tuple[Observation, ...]:
    """Runs at (width, steps): each loss is 2 % above the best for an octave from the best rate.

    Args:
        sizes: Width and steps of each rung.
        rates: log2 of the learning rates.
        seeds: Number of seeds.
        noise: Relative standard deviation of a loss.
        seed: Seed of the noise.
    """
    rng = np.random.default_rng(seed)
    runs = []
    for width, steps in sizes:
        for run_seed in range(seeds):
            for x in rates:
                excess = 0.02 * (x - true_optimum(width, steps)) ** 2
                loss = true_loss(width, steps) * np.exp(excess + noise * rng.standard_normal())
                runs.append(
                    Observation(
                        width=width, lr=float(2.0**x), seed=run_seed, loss=float(loss),
                        depth=2, batch=16, steps=steps,
                    )
                )  # fmt: skip
    return tuple(runs)


WIDTHS = ((32, 100), (64, 100), (128, 100), (256, 100))
LENGTHS = ((32, 25), (32, 50), (32, 100), (64, 100), (128, 100))


def ladder(sizes: Sequence[tuple[int, int]] = WIDTHS) -> LadderRuns:
    """A ladder's runs as those of a table."""
    return LadderRuns("ladder.csv", runs_at(sizes), digest="0" * 64)
