"""The log loss around the optimum of one size: a bowl, skewed, flattening far away.

    y = level + T(q) + Q·P(v),   q = a/2·|Lᵀφ(u)|²,   v = √(a/2Q)·Lᵀφ(u),   u = h − h*  (octaves)
    φ_j(u) = (e^{k_j·u_j} − 1)/k_j     steeper above the optimum for k > 0; the minimum stays at 0
    T(q) = τ·log(1 + q/τ)              the far field flattens
    P(v)                               cubic and quartic terms, inside a window of excess Q

L, k, τ and P are shared by all sizes; level, optimum h* and the curvature's factor a belong to
each. The form is derived from the Morse potential; the flattening is an assumption that small
models on both ends of a range, which hardly train, ask for. P takes up what the rest cannot follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array

MOST_BEND = 3.0  # largest k·u; the axis goes on straight beyond
STRAIGHT = 1e-12  # smallest k: far below the steps of derivatives by it, which start at 0
MOST_SCALED = 2.5  # largest v in P: it is for the window alone


@dataclass(frozen=True)
class Shape:
    """What all sizes share.

    Attributes:
        root: Lower triangular L, shape (p, p), with logarithms of its diagonal.
        skew: k of each hyperparameter, shape (p,).
        log_flat: log τ.
        terms: Coefficients of P, shape (terms,).
        window: Q.
    """

    root: Array
    skew: Array
    log_flat: float
    terms: Array
    window: float

    @property
    def vector(self) -> Array:
        """The shape as one vector."""
        lower = np.tril_indices(len(self.skew))
        return np.concatenate([self.root[lower], self.skew, [self.log_flat], self.terms])

    def with_vector(self, vector: Array) -> Shape:
        """The shape with other numbers, as `vector` gives them."""
        dimensions = len(self.skew)
        root = np.zeros((dimensions, dimensions))
        lower = np.tril_indices(dimensions)
        count = len(lower[0])
        root[lower] = vector[:count]
        skew, rest = vector[count : count + dimensions], vector[count + dimensions :]
        return Shape(root, skew, float(rest[0]), rest[1:], self.window)

    @property
    def factor(self) -> Array:
        """L itself."""
        lower = np.tril(self.root, -1)
        return np.asarray(lower + np.diag(np.exp(np.diag(self.root))))


@dataclass(frozen=True)
class Excess:
    """The log loss above the optimum's, and how it changes.

    Attributes:
        value: T(q) + Q·P(v), shape (n,).
        quadratic: q, shape (n,).
        by_distance: Derivative by u, shape (n, p).
        by_log_curvature: Derivative by log a, shape (n,).
        by_term: Derivative by the coefficients of P, shape (n, terms).
    """

    value: Array
    quadratic: Array
    by_distance: Array
    by_log_curvature: Array
    by_term: Array


def excess(distance: Array, log_curvature: Array, shape: Shape) -> Excess:
    """The log loss above the optimum's.

    Args:
        distance: u, octaves, shape (n, p).
        log_curvature: log a of each row's size, shape (n,).
        shape: What all sizes share.
    """
    skew = np.where(np.abs(shape.skew) < STRAIGHT, STRAIGHT, shape.skew)
    bend = skew * distance
    inside = np.minimum(bend, MOST_BEND)
    slope = np.exp(inside)
    bent = np.expm1(inside) / skew + slope * (bend - inside) / skew
    v = bent @ shape.factor
    curvature = np.exp(log_curvature)
    q = 0.5 * curvature * (v**2).sum(axis=1)
    flat = np.exp(shape.log_flat)
    damping = 1 / (1 + q / flat)
    value, by_log_curvature = flat * np.log1p(q / flat), damping * q
    by_v = (damping * curvature)[:, None] * v
    by_term = np.zeros((len(q), len(shape.terms)))
    if len(shape.terms):
        unit = np.sqrt(curvature / (2 * shape.window))[:, None]
        scaled = np.clip(v * unit, -MOST_SCALED, MOST_SCALED)
        table = [np.ones_like(scaled), scaled, scaled**2, scaled**3, scaled**2 * scaled**2]
        for index, powers in enumerate(exponents(len(shape.skew))):
            parts = [table[power][:, j] for j, power in enumerate(powers)]
            monomial = shape.window * np.prod(parts, axis=0)
            by_term[:, index] = monomial
            value = value + shape.terms[index] * monomial
            by_log_curvature = by_log_curvature + 0.5 * sum(powers) * shape.terms[index] * monomial
            for j, power in enumerate(powers):
                if power:
                    others = np.prod([*parts[:j], *parts[j + 1 :], table[power - 1][:, j]], axis=0)
                    factor = shape.terms[index] * shape.window * power
                    by_v[:, j] += factor * others * unit[:, 0]
    return Excess(value, q, (by_v @ shape.factor.T) * slope, by_log_curvature, by_term)


@cache
def exponents(dimensions: int) -> tuple[tuple[int, ...], ...]:
    """The exponents of all cubic and quartic terms in so many variables."""
    grids = product(range(5), repeat=dimensions)
    return tuple(powers for powers in grids if sum(powers) in {3, 4})
