"""Splits losses into the effect of the learning rate and the effect of the seed.

All trials of a seed share their random numbers, so a seed shifts its entire loss curve. If every
rate ran the same seeds, the effects are plain means; otherwise least squares adjusts all rates to
one level (two-way layout without interaction, Scheffé 1959, chapter 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray
LossesBySeed: TypeAlias = Mapping[int, float]


@dataclass(frozen=True)
class RunTable:
    """A table of runs, with one entry per run in each column.

    Attributes:
        rate: Index of each run's learning rate, shape (runs,).
        seed: Index of each run's seed, shape (runs,).
        loss: Loss of each run, shape (runs,).
    """

    rate: Array
    seed: Array
    loss: Array

    @property
    def seed_count(self) -> int:
        """Number of different seeds."""
        return int(self.seed.max()) + 1

    @property
    def rate_count(self) -> int:
        """Number of different learning rates."""
        return int(self.rate.max()) + 1

    @property
    def level_weights(self) -> Array:
        """Weights of the seeds in the level to which losses are adjusted, shape (seeds,).

        Only seeds that every rate ran have a weight.
        """
        complete = np.bincount(self.seed, minlength=self.seed_count) == self.rate_count
        return np.asarray(complete / complete.sum())

    @property
    def seed_indicators(self) -> Array:
        """1 at the seed of each run and 0 elsewhere, shape (runs, seeds)."""
        return np.asarray(np.eye(self.seed_count)[self.seed])

    @property
    def degrees_of_freedom(self) -> int:
        """Degrees of freedom of the residuals; every rate shares a seed with the others."""
        return len(self.loss) - self.rate_count - (self.seed_count - 1)

    def effects(self) -> tuple[Array, Array]:
        """Fit the effects of rates and seeds.

        Seeds are fitted to what the means of rates leave, which gives the least squares of both
        (Frisch and Waugh 1933) at a cost that does not grow with the square of the rates.

        Returns:
            The loss of each rate at the common level, shape (rates,), and the residual of each
            run, shape (runs,).
        """
        seeds = self.seed_indicators[:, 1:]
        within = seeds - self._rate_means(seeds)[self.rate]
        left = self.loss - self._rate_means(self.loss)[self.rate]
        effects = np.linalg.lstsq(within, left, rcond=None)[0] if seeds.size else np.zeros(0)
        adjusted = self.loss - seeds @ effects
        rates = self._rate_means(adjusted)
        level = float(self.level_weights[1:] @ effects)
        return rates + level, adjusted - rates[self.rate]

    def _rate_means(self, values: Array) -> Array:
        """The mean over the runs of each rate, shape (rates,) or (rates, columns)."""
        totals = np.zeros((self.rate_count, *values.shape[1:]))
        np.add.at(totals, self.rate, values)
        counts = np.bincount(self.rate, minlength=self.rate_count)
        return np.asarray(totals / counts.reshape(-1, *[1] * (values.ndim - 1)))


def run_table(runs: Sequence[LossesBySeed]) -> RunTable:
    """The table of all runs, given the loss of each seed for each rate."""
    seeds = sorted(set().union(*runs))
    rows = [
        (i, seeds.index(s), loss) for i, by_seed in enumerate(runs) for s, loss in by_seed.items()
    ]
    rate, seed, loss = (np.array(column) for column in zip(*rows, strict=True))
    return RunTable(rate, seed, loss.astype(float))
