"""Bends of the line that optima follow over sizes: Σ b_jk·log2 s_j·log2 s_k/2 beside it.

A bend is what a level and slopes over the given sizes leave of a product of two of them, so that
the line stays the one that is nearest to the optima.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
T = TypeVar("T")

# Standard deviation of a slope's change per octave of a size. Measured on simulations: wide enough
# to hold the optima of laws that bend; the intervals of laws that do not bend get wider by a
# quarter.
BEND = 0.035
RANK = 1e-6  # relative; directions in which sizes differ less than that have no slope


@dataclass(frozen=True)
class BentLine:
    """The terms of a line that may bend as functions of the size.

    Attributes:
        center: The sizes in octaves at which the level is quoted, shape (k,).
        in_line: What a level and slopes take up of each bend at the sizes, shape (1 + k, bends).
    """

    center: Array
    in_line: Array

    @classmethod
    def of(cls, log2_sizes: Array, weight: Array | None = None) -> BentLine:
        """The terms for sizes that count with some weight, shapes (sizes, k) and (sizes,)."""
        weight = np.ones(len(log2_sizes)) if weight is None else weight
        center = weight @ log2_sizes / weight.sum()
        line, root = np.column_stack([np.ones(len(weight)), log2_sizes - center]), np.sqrt(weight)
        raw = _products(log2_sizes - center)
        found = np.linalg.lstsq(line * root[:, None], raw * root[:, None], rcond=RANK)[0]
        return cls(center, found)

    def terms(self, log2_sizes: Array) -> Array:
        """Level, slopes and bends at sizes, shape (sizes, 1 + k + bends)."""
        apart = log2_sizes - self.center
        line = np.column_stack([np.ones(len(apart)), apart])
        return np.column_stack([line, _products(apart) - line @ self.in_line])

    def bends(self, log2_sizes: Array) -> Array:
        """The bends alone, shape (sizes, bends)."""
        return self.terms(log2_sizes)[:, 1 + len(self.center) :]


def pairs(items: Iterable[T]) -> list[tuple[T, T]]:
    """Each two items, also of one and the same."""
    return list(combinations_with_replacement(items, 2))


def _products(apart: Array) -> Array:
    """Half the square of each column, and the product of each two."""
    columns = pairs(range(apart.shape[1]))
    return np.stack([apart[:, i] * apart[:, j] / (1 + (i == j)) for i, j in columns], axis=1)


def bends_behind(departures: Array, scatter: Array, at_sizes: Array, seed: int) -> Array:
    """Draws of the bends behind draws of the departures of optima from their line.

    Departures are bends and a scatter of each size; the bends have a normal prior (`BEND`), and are
    drawn given both (linear regression).

    Args:
        departures: Octaves, shape (draws, sizes, p).
        scatter: Its standard deviation, octaves, shape (draws, p).
        at_sizes: Each bend at the sizes (`BentLine.bends`), shape (sizes, bends).
        seed: Seed of the draws.

    Returns:
        Octaves per squared octave, shape (draws, p, bends).
    """
    values, vectors = np.linalg.eigh(at_sizes.T @ at_sizes)
    explained = np.einsum("drp,rb->dpb", departures, at_sizes @ vectors)
    precision = scatter[..., None] ** -2.0
    variance = 1 / (values.clip(0) * precision + BEND**-2.0)
    noise = np.random.default_rng(seed).standard_normal(variance.shape)
    drawn = variance * precision * explained + np.sqrt(variance) * noise
    return np.asarray(drawn @ vectors.T)


def bend_variance(scatter: float, at_sizes: Array, at: Array) -> float:
    """The variance that bends leave at a size, were the optima of the others known exactly.

    Args:
        scatter: Of optima about the line and its bends, octaves.
        at_sizes: Each bend at the known sizes, shape (sizes, bends).
        at: Each bend at the size, shape (bends,).
    """
    precision = at_sizes.T @ at_sizes / scatter**2 + np.eye(len(at)) * BEND**-2.0
    return float(at @ np.linalg.solve(precision, at))
