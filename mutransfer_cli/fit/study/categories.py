"""Hyperparameters with too few values for an optimum: the best value, and what others cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from mutransfer_cli.fit.study.coordinates import Hyperparameters
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation


@dataclass(frozen=True)
class Category:
    """A hyperparameter with too few values for an optimum.

    Attributes:
        value: The value whose lowest losses are the lowest: the surface is fitted to its runs.
        costs: For each value the lowest loss of a rung relative to that of the best value, minus 1:
            the median over the rungs that have both.
    """

    value: float
    costs: Mapping[float, float]


def best_categories(
    observations: Sequence[Observation],
    rungs: Sequence[tuple[float, ...]],
    hyperparameters: Hyperparameters,
    scale: LossScale,
) -> tuple[dict[str, Category], list[bool]]:
    """The best value of every category, and which runs have all of them.

    The combination is chosen whose lowest losses exceed those of the rungs the least, among those
    on the most rungs.

    Args:
        observations: All runs.
        rungs: The rung of each run.
        hyperparameters: Which hyperparameters are categories.
        scale: The scale of the losses.
    """
    names = tuple(hyperparameters.categories)
    if not names:
        return {}, [True] * len(observations)
    combinations = [tuple(o.params[name] for name in names) for o in observations]
    lowest: dict[tuple[float, ...], dict[tuple[float, ...], float]] = defaultdict(dict)
    for o, rung, combination in zip(observations, rungs, combinations, strict=True):
        if o.loss is not None:
            loss = float(scale.transformed(np.array(o.loss)))
            lowest[combination][rung] = min(loss, lowest[combination].get(rung, loss))
    best_of = {
        rung: min(losses[rung] for losses in lowest.values() if rung in losses)
        for rung in {rung for losses in lowest.values() for rung in losses}
    }
    best = min(
        sorted(lowest),
        key=lambda c: (-len(lowest[c]), sum(lowest[c][r] - best_of[r] for r in lowest[c])),
    )
    categories = {}
    for i, name in enumerate(names):
        costs = {}
        for value in hyperparameters.categories[name]:
            other = (*best[:i], value, *best[i + 1 :])
            shared = set(lowest.get(other, {})) & set(lowest[best])
            if shared:
                differences = [lowest[other][r] - lowest[best][r] for r in shared]
                costs[value] = float(scale.relative(np.array(median(differences))))
        categories[name] = Category(best[i], costs)
    return categories, [combination == best for combination in combinations]
