"""How far models agree in what they have learned, against how far seeds agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import log2

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.interval import Interval
from mutransfer_cli.probes.estimates.similarity import debiased_cka, shared_neighbors
from mutransfer_cli.surface.student import student_reach

CKA, NEIGHBORS, PREDICTIONS = "CKA", "shared neighbours", "agreement of predictions"
Array = NDArray[np.float64]
Learned = tuple[Array, Array]  # representations and predictions (rows, …)
Key = tuple[int, int]  # kind of model, such as its width; seed
Table = Mapping[tuple[Key, Key], float]


def agreement_tables(learned: Mapping[Key, Learned]) -> dict[str, dict[tuple[Key, Key], float]]:
    """Every measure of agreement, for all pairs of models of different seeds.

    Args:
        learned: Representations and predictions by kind and seed.
    """
    tables: dict[str, dict[tuple[Key, Key], float]] = {CKA: {}, NEIGHBORS: {}, PREDICTIONS: {}}
    for a, b in product(learned, learned):
        if a[1] < b[1]:
            (x, p), (y, q) = learned[a], learned[b]
            tables[CKA][(a, b)] = debiased_cka(x, y)
            tables[NEIGHBORS][(a, b)] = shared_neighbors(x, y)
            tables[PREDICTIONS][(a, b)] = agreement(p, q)
    return tables


def agreement(p: Array, q: Array) -> float:
    """Share of examples with the same largest output; correlation where there is one output."""
    if p.shape[1] > 1:
        return float((p.argmax(1) == q.argmax(1)).mean())
    return float(np.corrcoef(p.ravel(), q.ravel())[0, 1])


def pair_mean(table: Table, first: int, second: int, seeds: Sequence[int]) -> float:
    """The mean over pairs of different seeds, one of each kind.

    Args:
        table: Agreement by pair.
        first: A kind of model.
        second: Another, or the same.
        seeds: Seeds that count.
    """
    values = [
        value
        for (a, b), value in table.items()
        if {a[1], b[1]} <= set(seeds) and (a[0], b[0]) in ((first, second), (second, first))
    ]
    return float(np.mean(values))


def relative_agreement(table: Table, first: int, second: int, seeds: Sequence[int]) -> float:
    """Agreement across two kinds over the geometric mean within both; not a number where none is.

    Args:
        table: Agreement by pair.
        first: A kind of model.
        second: Another.
        seeds: Seeds that count.
    """
    within = pair_mean(table, first, first, seeds) * pair_mean(table, second, second, seeds)
    return pair_mean(table, first, second, seeds) / within**0.5 if within > 0 else float("nan")


def growth_per_doubling(table: Table, widths: Sequence[int], seeds: Sequence[int]) -> float:
    """By how much the agreement of seeds grows when the width doubles.

    Args:
        table: Agreement by pair.
        widths: The widths.
        seeds: Seeds that count.
    """
    values = [pair_mean(table, w, w, seeds) for w in widths]
    return float(np.polyfit([log2(w) for w in widths], values, 1)[0])


def jackknife(
    statistic: Callable[[Sequence[int]], float], seeds: Sequence[int], confidence: float
) -> Interval:
    """A statistic with its jackknife interval over seeds.

    Args:
        statistic: Of some of the seeds.
        seeds: All of them.
        confidence: Of the interval.
    """
    value = statistic(seeds)
    parts = np.array([statistic([s for s in seeds if s != left]) for left in seeds])
    n = len(seeds)
    error = float(np.sqrt((n - 1) / n * ((parts - parts.mean()) ** 2).sum()))
    reach = student_reach(confidence, n - 1) * error
    return Interval(value=value, low=value - reach, high=value + reach)
