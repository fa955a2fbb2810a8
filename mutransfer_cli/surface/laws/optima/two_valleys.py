"""Two optima at most sizes of a table, which bowls of one shape cannot follow.

The rule is that of a study (`surface/response/second_optimum.py`): two settings of a size are in
different valleys if every setting between them is clearly worse than both. The yardstick is the
noise that the fit of one valley found, or that of neighbors where this is smaller: what the fit
cannot follow, which is the second valley itself, counts as noise there.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt

import numpy as np

from mutransfer_cli.interval import number
from mutransfer_cli.surface.laws.law_form import Array, Indices
from mutransfer_cli.surface.response.second_optimum import CLEAR, highest_ridge

FEWEST_DIFFERENCES = 12


def two_valleys(settings: Array, log_loss: Array, size: Indices, noise: Array) -> str:
    """Says that the loss has two optima, and what to run; empty where it has one.

    The names of the hyperparameters are not known here: `{j}` stands for that of index j.

    Args:
        settings: log2 of each hyperparameter, shape (runs, p).
        log_loss: Shape (runs,).
        size: Index of each run's size, 0 to sizes − 1, small to large, shape (runs,).
        noise: Standard deviation of a run at each size, shape (sizes,).
    """
    total, shown, said = 0.0, 0, ""
    by_size = [_means(settings[size == r], log_loss[size == r]) for r in range(len(noise))]
    noise = np.minimum(noise, _neighbor_noise(by_size))
    for r, (distinct, means, repeats) in enumerate(by_size):
        ridge = highest_ridge(distinct, means)
        if ridge is None:
            continue
        lower, other, height = ridge
        total += height * sqrt(repeats) / float(noise[r])
        shown += 1
        near, far = (_text(distinct[i]) for i in (lower, other))
        said = (
            f"the loss has two optima, near {near} and near {far}, with worse settings between "
            "them; run more seeds and finer values around both"
        )
    clear = shown > 0 and total / sqrt(shown) >= CLEAR and 2 * shown >= len(noise)
    return said if clear else ""


def _means(settings: Array, log_loss: Array) -> tuple[Array, Array, float]:
    """Distinct settings of a size, their mean losses, and the typical number of repeats."""
    distinct, index = np.unique(settings.round(9), axis=0, return_inverse=True)
    index = index.reshape(-1)
    counts = np.bincount(index)
    return distinct, np.bincount(index, log_loss) / counts, float(np.median(counts))


def _neighbor_noise(sizes: Sequence[tuple[Array, Array, float]]) -> float:
    """The standard deviation of a run by third differences; infinite without enough of them.

    Noise of standard deviation σ gives them √(1 + 9 + 9 + 1) σ; the curve of the loss adds to that.

    Args:
        sizes: Settings, means and repeats of each size, as `_means`.
    """
    if sizes[0][0].shape[1] > 1:
        return inf
    third = [np.diff(means, 3) * sqrt(repeats) for _, means, repeats in sizes if len(means) > 3]
    squares = np.concatenate([np.zeros(0), *third]) ** 2
    return sqrt(squares.mean() / 20) if len(squares) >= FEWEST_DIFFERENCES else inf


def _text(setting: Array) -> str:
    """A setting with placeholders for the names."""
    return ", ".join(f"{{{j}}} {number(float(2.0**x))}" for j, x in enumerate(setting))
