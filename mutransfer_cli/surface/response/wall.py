"""The wall before divergence: a steep rise of the loss on the high side of a direction.

    W_j = A (exp(s (v_j - b)) - exp(-s b) (1 + s v_j)),   b = exp(log b_j + growth . z + departure)

with departure that of the rung and v in octaves from the optimum, where W has value and slope zero,
so that it does not move the optimum. Without it the valley would explain the rise by its skew, and
with it shift the optimum towards the wall. The wall may come nearer to the optimum along a size, as
where training is so short that the optimum is far below the rates that diverge. That the rise is
exponential is an assumption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.runs import Array

COST = 0.05  # A: loss that the wall costs at its location
STRAIGHT = 5.0  # exponent from where the wall goes on as its tangent


@dataclass(frozen=True)
class Wall:
    """What the wall costs, and its derivatives, each of shape (runs, hyperparameters).

    Attributes:
        cost: W.
        by_offset: Derivative by v.
        by_location: Derivative by log b.
        by_steepness: Derivative by log s.
    """

    cost: Array
    by_offset: Array
    by_location: Array
    by_steepness: Array


def wall_at(v: Array, location: Array, steepness: Array) -> Wall:
    """The wall at offsets from the optimum.

    Args:
        v: Offsets in octaves, shape (runs, hyperparameters).
        location: Log b, of a shape that broadcasts to that of v; infinite where there is no wall.
        steepness: Log s, likewise.
    """
    b, s = np.exp(location), np.exp(steepness)
    exponent = s * (v - b)
    rise = np.exp(np.minimum(exponent, STRAIGHT))
    beyond = np.maximum(exponent - STRAIGHT, 0)
    foot = np.exp(-s * b)
    finite = np.where(np.isfinite(b), b, 0.0)
    cost = rise * (1 + beyond) - foot * (1 + s * v)
    by_location = -s * finite * (rise - foot * (1 + s * v))
    by_steepness = np.where(np.isfinite(b), exponent, 0.0) * rise
    by_steepness = by_steepness + s * foot * (finite * (1 + s * v) - v)
    return Wall(
        COST * np.maximum(cost, 0),
        COST * s * (rise - foot),
        COST * by_location,
        COST * by_steepness,
    )
