"""Corrects the bias of a parabola's vertex: loss curves are steeper on one side of the optimum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from mutransfer_cli.surface.curves.parabola import Parabola, powers

HIGHER_TERMS = 0.33  # error from terms above the cubic one, relative to the shift; assumption
TYPICAL_SKEW = 0.12  # typical cubic term over the quadratic one, per octave; assumption


@dataclass(frozen=True, slots=True)
class VertexShift:
    """The shift from a parabola's vertex to the optimum.

    Attributes:
        value: Shift in octaves of the learning rate.
        error: Standard error of the shift, in octaves.
    """

    value: float = 0.0
    error: float = 0.0


def vertex_shifts(parabolas: Sequence[Parabola]) -> list[VertexShift]:
    """The shift of each parabola's vertex by a cubic term that all rungs share.

    The residuals of one parabola hardly show how far its vertex is biased. The term is therefore
    estimated over all rungs together, with its typical size as the prior: mixed estimation (Theil
    and Goldberger 1961).
    """
    if not parabolas:
        return []
    rows, losses = [], []
    for i, p in enumerate(parabolas):
        blocks = [np.zeros((len(p.t), q.runs.seed_count + 2)) for q in parabolas]
        blocks[i] = np.column_stack([p.runs.seed_indicators, powers(p.t, 2)[:, 1:]])
        rows.append(np.column_stack([*blocks, p.t**3]))
        losses.append(p.runs.loss)
    matrix, y = np.vstack(rows), np.concatenate(losses)
    solution = np.linalg.lstsq(matrix, y, rcond=None)[0]
    residuals = y - matrix @ solution
    degrees_of_freedom = max(1, len(y) - matrix.shape[1])
    variance = float(residuals @ residuals) / degrees_of_freedom
    variance *= float(np.linalg.inv(matrix.T @ matrix)[-1, -1])
    return [vertex_shift(p, float(solution[-1]), variance) for p in parabolas]


def vertex_shift(p: Parabola, cubic: float, variance: float) -> VertexShift:
    """The shift of one vertex.

    Args:
        p: The parabola.
        cubic: The estimated cubic coefficient, in units of the loss per cubed octave.
        variance: The variance of that estimate.
    """
    typical = float(TYPICAL_SKEW * p.coefficients[2]) ** 2
    if p.vertex is None or typical == 0:
        return VertexShift()
    weight = typical / (typical + variance)
    error = (weight * variance) ** 0.5
    low, value, high = (
        cubic_minimum(p, weight * cubic + e) - p.vertex for e in (-error, 0.0, error)
    )
    spread = (max(low, value, high) - min(low, value, high)) / 2
    return VertexShift(value, hypot(spread, HIGHER_TERMS * value))


def cubic_minimum(p: Parabola, cubic: float) -> float:
    """log2(lr) of the minimum with a given cubic coefficient; without a minimum, the vertex."""
    assert p.vertex is not None
    _, b, c = p.solve @ (p.runs.loss - cubic * p.t**3)
    discriminant = c**2 - 3 * cubic * b  # of b + 2ct + 3kt² = 0 where the curve opens upwards
    if discriminant <= 0 or c + discriminant**0.5 <= 0:
        return p.vertex
    minimum = p.center - b / (c + discriminant**0.5)
    return float(minimum) if p.low < minimum < p.high else p.vertex
