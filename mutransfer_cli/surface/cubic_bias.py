"""What a cubic term moves: curves are steeper on one side of the optimum than on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from mutransfer_cli.surface.parabola import Parabola, design
from mutransfer_cli.surface.seed_effects import levels

REST = 0.33  # of the shift: what the terms above the cubic one may add; assumption
SKEW = 0.12  # typical cubic term over the quadratic one, per octave; assumption


@dataclass(frozen=True)
class Shift:
    """From a parabola's vertex to the optimum, in octaves, and its standard error."""

    value: float = 0.0
    error: float = 0.0


def shifts(parabolas: Sequence[Parabola]) -> list[Shift]:
    """Of each vertex by a cubic term that all rungs have in common.

    A parabola's residuals hardly show how far its vertex is biased. The term is estimated over all
    rungs together, with what is typical as its prior: mixed estimation (Theil and Goldberger 1961).
    """
    if not parabolas:
        return []
    rows, values = [], []
    for i, p in enumerate(parabolas):
        own = [np.zeros((len(p.t), q.runs.seeds + 2)) for q in parabolas]
        own[i] = np.column_stack([levels(p.runs), design(p.t, 2)[:, 1:]])
        rows.append(np.column_stack([*own, p.t**3]))
        values.append(p.runs.loss)
    matrix, y = np.vstack(rows), np.concatenate(values)
    solution = np.linalg.lstsq(matrix, y, rcond=None)[0]
    left = y - matrix @ solution
    spare = max(1, len(y) - matrix.shape[1])
    variance = float(left @ left) / spare * float(np.linalg.inv(matrix.T @ matrix)[-1, -1])
    return [shift_of(p, float(solution[-1]), variance) for p in parabolas]


def shift_of(p: Parabola, cubic: float, variance: float) -> Shift:
    """cubic, variance: of the estimated term."""
    typical = float(SKEW * p.coefficients[2]) ** 2
    if p.vertex is None or typical == 0:
        return Shift()
    weight = typical / (typical + variance)
    error = (weight * variance) ** 0.5
    low, value, high = (lowest(p, weight * cubic + e) - p.vertex for e in (-error, 0.0, error))
    own = (max(low, value, high) - min(low, value, high)) / 2
    return Shift(value, hypot(own, REST * value))


def lowest(p: Parabola, cubic: float) -> float:
    """Lowest point of the curve with this third coefficient; the vertex where it has none."""
    assert p.vertex is not None
    _, b, c = p.solve @ (p.runs.loss - cubic * p.t**3)
    root = c**2 - 3 * cubic * b  # b + 2cu + 3ku² = 0 where the curve opens upwards
    if root <= 0 or c + root**0.5 <= 0:
        return p.vertex
    found = p.centre - b / (c + root**0.5)
    return float(found) if p.low < found < p.high else p.vertex
