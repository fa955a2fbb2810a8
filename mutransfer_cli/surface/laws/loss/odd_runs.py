"""Runs whose loss is far off a law, as that of a run that failed or was copied wrongly is."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, LawTable

FAR = 20.0  # robust standard deviations of the other residuals
LEAST = 0.05  # of the loss: differences that matter
TO_SIGMA = 1.4826  # of a normal's median absolute deviation (Huber, Robust Statistics, 1981)
SHOWN = 3


def odd_runs(table: LawTable, residuals: Array) -> tuple[str, ...]:
    """A note that names runs far off the law; empty where there are none.

    Args:
        table: The runs.
        residuals: Log loss minus the law's, shape (rows,).
    """
    size = np.abs(residuals)
    scale = TO_SIGMA * float(np.median(size))
    rows = np.flatnonzero(size > max(FAR * scale, LEAST))
    if not len(rows):
        return ()
    worst = rows[np.argsort(-size[rows])][:SHOWN]
    named = "; ".join(
        ", ".join(f"{name} {table[name][i]:.4g}" for name in (*table.sizes, "loss"))
        + f" ({np.expm1(residuals[i]):+.0%} off)"
        for i in worst
    )
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return (
        f"{len(rows)} of {len(residuals)} runs far off the law, which intervals take for noise: "
        f"{named}{more}; leave out what failed (--where 'loss<…')",
    )
