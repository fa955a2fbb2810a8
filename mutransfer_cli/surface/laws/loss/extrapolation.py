"""How far a law of the loss errs beyond its sizes, measured by cutting the table.

A bootstrap knows nothing of errors that neighboring runs share: where the form is not quite right,
its intervals hold beyond the sizes far less often than they say. Fits to the smaller sizes,
compared with the larger ones, show by how much.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices

CUTS = (0.15, 0.3, 0.45)  # share of the rows that a cut leaves out, the largest ones
WIDENINGS = np.geomspace(1.0, 10.0, 24)
FEWEST_ROWS = 6  # for each parameter, in the smallest cut

# (kept rows, left-out rows) -> log loss minus prediction, draws of the parameters' part, scatter
CutFit = Callable[[Indices, Indices], tuple[Array, Array, Array]]


def enough_to_cut(rows: int, parameters: int) -> bool:
    """Whether a table's smallest cut still determines the law.

    Args:
        rows: Of the table.
        parameters: Number of parameters of the law.
    """
    return (1 - CUTS[-1]) * rows >= FEWEST_ROWS * parameters


def widening(order: Array, fit: CutFit, confidence: float) -> float:
    """The factor by which the parameters' part of prediction intervals has to be wider.

    It is the smallest with which the intervals of all cuts together hold the share of the left-out
    runs that they state (derived; measured on the table itself).

    Args:
        order: A number for each row that grows with its size, shape (rows,).
        fit: Fits the law to some rows and predicts others.
        confidence: The share that the intervals state.

    Returns:
        At least 1.
    """
    ranked = np.argsort(order, kind="stable")
    cuts = []
    for share in CUTS:
        count = round((1 - share) * len(order))
        cuts.append(fit(ranked[:count], ranked[count:]))
    tail = 50 * (1 - confidence)
    for factor in WIDENINGS:
        inside, total = 0, 0
        for errors, draws, scatter in cuts:
            low, high = np.percentile(factor * draws + scatter, [tail, 100 - tail], axis=0)
            inside += int(((low <= errors) & (errors <= high)).sum())
            total += len(errors)
        if inside >= confidence * total:
            break
    return float(factor)
