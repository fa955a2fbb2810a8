"""Losses as a rate's part plus a seed's: common random numbers shift a seed's whole curve.

With as many seeds at every rate the parts are plain means; where some rates ran more seeds than
others, least squares puts all of them on one level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Runs = Sequence[Mapping[int, float]]  # for each rate the loss of each seed


@dataclass(frozen=True)
class Table:
    """Single runs: their rates and seeds as indices, and their losses."""

    rate: Array
    seed: Array
    loss: Array

    @property
    def seeds(self) -> int:
        return int(self.seed.max()) + 1

    @property
    def rates(self) -> int:
        return int(self.rate.max()) + 1

    @property
    def mean_level(self) -> Array:
        """(seeds,): weights of the level at which losses are quoted, of the seeds all rates ran."""
        all_of_them = np.bincount(self.seed, minlength=self.seeds) == self.rates
        return np.asarray(all_of_them / all_of_them.sum())


def table_of(runs: Runs) -> Table:
    """All runs of these rates."""
    seeds = sorted(set().union(*runs))
    rows = [(i, seeds.index(s), loss) for i, of in enumerate(runs) for s, loss in of.items()]
    rate, seed, loss = (np.array(column) for column in zip(*rows, strict=True))
    return Table(rate, seed, loss.astype(float))


def levels(table: Table) -> Array:
    """(runs, seeds): which seed's level a run has."""
    return np.asarray(np.eye(table.seeds)[table.seed])


def fitted(table: Table) -> tuple[Array, Array]:
    """Each rate's loss at the mean level, and what is left of each run's."""
    rates = np.eye(table.rates)[table.rate]
    design = np.column_stack([rates, levels(table)[:, 1:]])
    parts = np.linalg.lstsq(design, table.loss, rcond=None)[0]
    count = rates.shape[1]
    level = float(table.mean_level[1:] @ parts[count:])
    return parts[:count] + level, table.loss - design @ parts


def freedom(table: Table) -> int:
    """Degrees of freedom that both parts leave; every rate shares a seed with the others."""
    return len(table.loss) - table.rates - (table.seeds - 1)
