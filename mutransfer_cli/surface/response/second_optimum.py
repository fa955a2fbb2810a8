"""Finds a second optimum, which a surface with one valley cannot follow.

Two settings of a rung are in different valleys if every setting between them is clearly worse than
both. The rule is an assumption; on the synthetic truths, which have one valley, it finds none
(docs/accuracy.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from mutransfer_cli.surface.response.response_surface import ResponseSurface
from mutransfer_cli.surface.response.runs import Array

APART = 1.0  # octaves, least distance of two valleys
MIDDLE = (0.25, 0.75)  # part of the way from one to the other that counts as between
BESIDE = 0.35  # largest distance from the straight way, relative to its length
CLEAR = 4.0  # standard deviations of the noise by which the ridge must be higher, over all rungs
CANDIDATES = 12  # best settings of a rung that can be the bottom of a valley


@dataclass(frozen=True)
class SecondOptimum:
    """Two valleys with a ridge between them.

    Attributes:
        rung: Index of the largest rung that shows them.
        lower: The better of the two settings, in octaves, shape (hyperparameters,).
        other: The other one.
        ridge: How much higher the settings between them are than the higher of the two, in units of
            the fit.
        rungs: Number of rungs that show two valleys.
    """

    rung: int
    lower: Array
    other: Array
    ridge: float
    rungs: int


def second_optimum(surface: ResponseSurface) -> SecondOptimum | None:
    """The second optimum of a surface; None if the runs show one valley.

    Args:
        surface: The fitted surface, whose noise is the yardstick.
    """
    noise = np.median(surface.draws.noise, axis=0)
    found: list[SecondOptimum] = []
    total = 0.0
    for rung in range(len(surface.rungs)):
        settings, means, repeats = mean_losses(surface, rung)
        ridge = highest_ridge(settings, means)
        if ridge is None:
            continue
        lower, other, height = ridge
        total += height / (noise[rung] / sqrt(repeats))
        found.append(SecondOptimum(rung, settings[lower], settings[other], height, 0))
    shown = len(found)
    if not shown or total / sqrt(shown) < CLEAR or 2 * shown < len(surface.rungs):
        return None
    last = found[-1]
    return SecondOptimum(last.rung, last.lower, last.other, last.ridge, shown)


def mean_losses(surface: ResponseSurface, rung: int) -> tuple[Array, Array, float]:
    """Distinct settings of a rung, their mean losses, and the typical number of repeats.

    Args:
        surface: The surface.
        rung: Index of the rung.
    """
    runs = surface.runs
    rows = np.flatnonzero((runs.rung == rung) & ~runs.diverged)
    settings, index = np.unique(runs.settings[rows].round(9), axis=0, return_inverse=True)
    own = runs.counts[rows]
    counts = np.bincount(index.reshape(-1), own)
    means = np.bincount(index.reshape(-1), own * runs.losses[rows]) / counts
    return settings, means, float(np.median(counts)) if len(counts) else 1.0


def highest_ridge(settings: Array, means: Array) -> tuple[int, int, float] | None:
    """The two settings with the highest ridge between them: their indices and its height.

    The result is None if no two settings have a ridge between them.

    Args:
        settings: Settings in octaves, shape (settings, hyperparameters).
        means: Their mean losses, shape (settings,).
    """
    order = np.argsort(means, kind="stable")[:CANDIDATES]
    if len(order) < 2:
        return None
    lower = int(order[0])
    least = 1 if settings.shape[1] == 1 else 3  # settings between, so that one bad run is no ridge
    best: tuple[int, int, float] | None = None
    for other in order[1:]:
        way = settings[other] - settings[lower]
        length = float(np.sqrt(way @ way))
        if length < APART:
            continue
        along = (settings - settings[lower]) @ way / length**2
        aside = settings - settings[lower] - along[:, None] * way
        distance = np.sqrt((aside**2).sum(1)) / length
        between = (along > MIDDLE[0]) & (along < MIDDLE[1]) & (distance < BESIDE)
        if between.sum() < least:
            continue
        height = float(means[between].min() - means[other])
        if height > 0 and (best is None or height > best[2]):
            best = (lower, int(other), height)
    return best
