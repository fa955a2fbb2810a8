"""Training runs as arrays, in octaves: what the response surface is fitted to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Runs:
    """All runs of a study; lengths are in octaves, losses in the units that are fitted.

    Attributes:
        settings: Hyperparameters of each run, shape (runs, hyperparameters).
        sizes: Sizes of each run, shape (runs, axes).
        seeds: Seed of each run, shape (runs,).
        losses: Transformed loss of each run, shape (runs,); NaN where the run diverged.
        repeats: Number of runs of which each loss is the mean, shape (runs,); None: all are single.
    """

    settings: Array
    sizes: Array
    seeds: NDArray[np.int64]
    losses: Array
    repeats: Array | None = None

    @cached_property
    def _distinct(self) -> tuple[Array, Indices]:
        """The distinct sizes, and the index of each run's size among them."""
        sizes, rung = np.unique(self.sizes.round(9), axis=0, return_inverse=True)
        return sizes, rung.reshape(-1)

    @property
    def rungs(self) -> Array:
        """The distinct sizes in lexicographic order, shape (rungs, axes)."""
        return self._distinct[0]

    @property
    def rung(self) -> Indices:
        """Index into `rungs` of each run, shape (runs,)."""
        return self._distinct[1]

    @property
    def diverged(self) -> Mask:
        """Whether each run diverged, shape (runs,)."""
        return np.isnan(self.losses)

    @property
    def counts(self) -> Array:
        """Number of runs of which each loss is the mean, shape (runs,)."""
        return np.ones(len(self.losses)) if self.repeats is None else self.repeats

    @property
    def hyperparameters(self) -> int:
        """Number of hyperparameters."""
        return int(self.settings.shape[1])

    @property
    def axes(self) -> int:
        """Number of axes."""
        return int(self.sizes.shape[1])

    def select(self, rows: Mask | Indices) -> Runs:
        """Some of the runs."""
        return Runs(
            self.settings[rows],
            self.sizes[rows],
            self.seeds[rows],
            self.losses[rows],
            None if self.repeats is None else self.repeats[rows],
        )
