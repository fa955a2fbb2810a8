"""The lines that optima follow over sizes: a steady drift, or one that decays with the size.

    h*(z) = h0 + drift . t(z)
    steady    t_k = z_k
    decaying  t_k = c_k (1 - 2^(z_least - z))    of a correction in proportion to 1/size

Both are centered over the rungs, and c makes drift the mean slope from the smallest rung to the
largest, in octaves per octave. Corrections to the limit of large width are of order 1/width (Yang
and Hu 2021); that other axes behave alike is an assumption.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mutransfer_cli.surface.response.runs import Array

SHORTEST = 1e-6  # octaves; an axis of which the rungs span less has no decay
# Factor of the prior weight of a drift that decays, where theory says that optima settle: with it
# the choices on real ladders cost less (docs/accuracy.md).
LIMIT_ODDS = 10.0


@dataclass(frozen=True)
class Trend:
    """How the optimum moves over the sizes of a ladder.

    Attributes:
        sizes: Sizes of the rungs in octaves, shape (rungs, axes).
        decays: Whether the drift decays.
    """

    sizes: Array
    decays: bool = False

    @cached_property
    def rungs(self) -> Array:
        """The coordinates t of each rung, shape (rungs, axes)."""
        return self._uncentered(self.sizes) - self._center

    def at(self, size: Array) -> Array:
        """The coordinates t of a size.

        Args:
            size: The size in octaves, shape (axes,).
        """
        return self._uncentered(size) - self._center

    @cached_property
    def _center(self) -> Array:
        return np.asarray(self._uncentered(self.sizes).mean(0))

    def _uncentered(self, sizes: Array) -> Array:
        if not self.decays:
            return sizes
        least, span = self.sizes.min(0), np.ptp(self.sizes, axis=0)
        fades = span > SHORTEST
        span = np.where(fades, span, 1.0)
        decayed = span * (1 - np.exp2(least - sizes)) / (1 - np.exp2(-span))
        return np.asarray(np.where(fades, decayed, sizes - least))


def decay_odds(varied: Collection[str], limits: Collection[str]) -> float:
    """The factor of the prior weight of a drift that decays.

    Args:
        varied: The sizes by which rungs differ.
        limits: The sizes along which theory says that training tends to a limit.
    """
    return LIMIT_ODDS if varied and set(varied) <= set(limits) else 1.0
