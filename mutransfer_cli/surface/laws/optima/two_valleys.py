"""Two optima at most sizes of a table, which bowls of one shape cannot follow.

The rule is that of a study (`surface/response/second_optimum.py`): two settings of a size are in
different valleys if every setting between them is clearly worse than both.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from mutransfer_cli.interval import number
from mutransfer_cli.surface.laws.law_form import Array, Indices
from mutransfer_cli.surface.response.second_optimum import CLEAR, highest_ridge


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
    for r in range(len(noise)):
        distinct, means, repeats = _means(settings[size == r], log_loss[size == r])
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


def _text(setting: Array) -> str:
    """A setting with placeholders for the names."""
    return ", ".join(f"{{{j}}} {number(float(2.0**x))}" for j, x in enumerate(setting))
