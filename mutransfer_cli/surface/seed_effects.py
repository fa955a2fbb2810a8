"""Losses as the sum of a learning rate's effect and a seed's effect.

All trials of a seed share their random numbers, so a seed shifts its whole loss curve. Where every
rate ran the same seeds, the effects are plain means; otherwise least squares brings all rates to
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
    """Single runs, one entry each.

    Attributes:
        rate: Index of the run's learning rate, shape (runs,).
        seed: Index of the run's seed, shape (runs,).
        loss: Loss of the run, shape (runs,).
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
        """Weights of the seeds in the level at which losses are quoted, shape (seeds,).

        Only seeds that every rate ran count.
        """
        complete = np.bincount(self.seed, minlength=self.seed_count) == self.rate_count
        return np.asarray(complete / complete.sum())

    @property
    def seed_indicators(self) -> Array:
        """One at the seed of each run, else zero; shape (runs, seeds)."""
        return np.asarray(np.eye(self.seed_count)[self.seed])

    @property
    def degrees_of_freedom(self) -> int:
        """What both effects leave; every rate shares a seed with the others."""
        return len(self.loss) - self.rate_count - (self.seed_count - 1)

    def effects(self) -> tuple[Array, Array]:
        """Fit both effects.

        Returns:
            The loss of each rate at the common level, shape (rates,), and the residual of each
            run, shape (runs,).
        """
        rates = np.eye(self.rate_count)[self.rate]
        matrix = np.column_stack([rates, self.seed_indicators[:, 1:]])
        effects = np.linalg.lstsq(matrix, self.loss, rcond=None)[0]
        count = rates.shape[1]
        level = float(self.level_weights[1:] @ effects[count:])
        return effects[:count] + level, self.loss - matrix @ effects


def run_table(runs: Sequence[LossesBySeed]) -> RunTable:
    """The table of all runs; `runs` holds for each rate the loss of each seed."""
    seeds = sorted(set().union(*runs))
    rows = [
        (i, seeds.index(s), loss) for i, by_seed in enumerate(runs) for s, loss in by_seed.items()
    ]
    rate, seed, loss = (np.array(column) for column in zip(*rows, strict=True))
    return RunTable(rate, seed, loss.astype(float))
