"""A loss curve over the progress of its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

END = 0.9  # the final loss is the mean from here on


@dataclass(frozen=True)
class LossCurve:
    """The loss of one run along its training.

    Attributes:
        progress: Share of the run at each point (points,), rising, within 0 and 1.
        losses: The loss at each point (points,).
        size: The size of the model, in units of which only ratios matter; None: unknown.
        seed: Seed of the run.
        name: How a person would name its size.
        last: Where its last point would be followed by the next one, in the unit of the steps that
            were logged; None: unknown.
    """

    progress: Array
    losses: Array
    size: float | None = None
    seed: int = 0
    name: str = ""
    last: float | None = None

    def mean(self, start: float, end: float) -> float:
        """The mean loss from a share of the run up to another.

        Where no point is in between, the loss is interpolated at the middle.
        """
        inside = (self.progress >= start) & (self.progress < end)
        if end >= 1:
            inside |= self.progress >= 1
        if inside.any():
            return float(self.losses[inside].mean())
        return float(np.interp((start + end) / 2, self.progress, self.losses))

    def levels(self, edges: Sequence[float]) -> Array:
        """The mean loss between each edge and the next (edges - 1,)."""
        return np.array([self.mean(a, b) for a, b in pairwise(edges)])

    @property
    def final(self) -> float:
        """The mean loss of the last tenth of the run."""
        return self.mean(END, 1.0)
