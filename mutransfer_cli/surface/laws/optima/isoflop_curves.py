"""Groups of runs at equal compute."""

from __future__ import annotations

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices, LawTable

SAME_COMPUTE = 0.2  # octaves that an isoFLOP curve may span
FEWEST_SIZES = 5  # of a curve: a parabola and two more


def isoflop_curves(table: LawTable) -> Indices:
    """The curve of each run, in the order of compute; −1 for runs that are on none.

    A curve is a window of computes with the most model sizes, then the next of those that are left:
    in tables that also hold other runs, the budgets stand out as dense windows.
    """
    compute = table.logs("flops") / np.log(2)
    size = np.round(table.logs("params") / np.log(2), 2)
    order = np.argsort(compute, kind="stable")
    x, free = compute[order], np.ones(len(order), dtype=bool)
    windows: list[tuple[int, int]] = []
    while True:
        best: tuple[int, int] | None = None
        most = FEWEST_SIZES - 1
        for start in map(int, np.flatnonzero(free)):
            stop = int(np.searchsorted(x, x[start] + SAME_COMPUTE, side="right"))
            taken = np.flatnonzero(~free[start:stop])
            stop = start + int(taken[0]) if len(taken) else stop
            count = len(np.unique(size[order[start:stop]]))
            if count > most:
                best, most = (start, stop), count
        if best is None:
            break
        windows.append(best)
        free[best[0] : best[1]] = False
    curves = np.full(len(order), -1, dtype=np.intp)
    for i, (start, stop) in enumerate(sorted(windows)):
        curves[order[start:stop]] = i
    return curves


def computes_of(table: LawTable, curves: Indices) -> Array:
    """The median compute of each curve."""
    count = int(curves.max()) + 1 if len(curves) else 0
    return np.array([float(np.median(table["flops"][curves == i])) for i in range(count)])
