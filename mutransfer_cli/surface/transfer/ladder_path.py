"""A ladder as one path from its smallest rung upward, with the optimum at each of its rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array

SAME = 1e-6  # octaves


@dataclass(frozen=True)
class LadderPath:
    """Rungs each of which is larger than the one before along some axis, and smaller along none.

    Attributes:
        rungs: Indices of the rungs, the smallest first.
        octaves: Distance of each from the smallest, along the axis on which the path is longest,
            shape (steps + 1,).
        optima: Draws of the optimum at each, shape (draws, steps + 1, hyperparameters).
    """

    rungs: tuple[int, ...]
    octaves: Array
    optima: Array


def ladder_path(surface: ResponseSurface, order: Sequence[int]) -> LadderPath:
    """The path from the smallest rung through all rungs that are larger than the one before.

    Args:
        surface: The surface.
        order: Indices of all rungs, from the cheapest trial to the most expensive.
    """
    sizes = surface.rungs
    chain = [order[0]]
    for r in order[1:]:
        step = sizes[r] - sizes[chain[-1]]
        if (step >= -SAME).all() and step.max() > SAME:
            chain.append(r)
    positions = sizes[chain]
    longest = int(np.argmax(np.ptp(positions, axis=0)))
    span = positions[-1] - positions[0]
    # along a path that is no straight line: the projection on the line between its ends
    along = (positions - positions[0]) @ span / max(float(span @ span), SAME)
    optima = np.stack([surface.at(size).optimum for size in positions], axis=1)
    return LadderPath(tuple(chain), along * span[longest], optima)


def slopes(x: Array, y: Array) -> Array:
    """The least squares slope of each row of y over x, shape (rows,).

    Args:
        x: Shape (points,).
        y: Shape (rows, points).
    """
    centered = x - x.mean()
    return np.asarray(y @ centered / (centered @ centered))
