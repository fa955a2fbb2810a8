"""Hyperparameters with too few values for an optimum: the best value, and what others cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from mutransfer_cli.fit.study.choices.category_differences import (
    RungDifference,
    category_differences,
    mean_difference,
)
from mutransfer_cli.fit.study.coordinates import Hyperparameters
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.student import student_reach

PRIOR_FREEDOM = 4  # of the noise, in the variance of a difference over few rungs


@dataclass(frozen=True)
class Category:
    """A hyperparameter with too few values for an optimum.

    Attributes:
        value: The value with the lowest losses: the surface is fitted to its runs.
        differences: For each other value its transformed losses less those of the best value, on
            each of the rungs that have both.
    """

    value: float
    differences: Mapping[float, tuple[RungDifference, ...]]

    def costs(self, scale: LossScale, noise: float, confidence: float) -> dict[float, Interval]:
        """The relative extra loss of each other value: the mean over the rungs, Student's t.

        The variance is that between the rungs, shrunk to that of the noise.

        Args:
            scale: The scale of the losses.
            noise: Standard deviation of a transformed loss.
            confidence: Level of the intervals, between 0 and 1.
        """
        found = {}
        for value, differences in self.differences.items():
            rungs, mean = len(differences), mean_difference(differences)
            squares = sum((d.mean - mean) ** 2 for d in differences)
            expected = fmean(2 * noise**2 / d.pairs for d in differences)
            freedom = rungs - 1 + PRIOR_FREEDOM
            variance = (squares + PRIOR_FREEDOM * expected) / freedom
            half = student_reach(confidence, freedom) * np.sqrt(variance / rungs)
            value_of, low, high = scale.relative(np.array([mean, mean - half, mean + half]))
            found[value] = Interval(value=float(value_of), low=float(low), high=float(high))
        return found


def best_categories(
    observations: Sequence[Observation],
    rungs: Sequence[tuple[float, ...]],
    hyperparameters: Hyperparameters,
    scale: LossScale,
    held: Mapping[str, float] | None = None,
) -> tuple[dict[str, Category], list[bool]]:
    """The best value of every category, and which runs have all of them.

    The combination is chosen whose lowest losses exceed those of the rungs the least, among those
    on the most rungs; then each value that pairs of runs show to be better.

    Args:
        observations: All runs.
        rungs: The rung of each run.
        hyperparameters: Which hyperparameters are categories.
        scale: The scale of the losses.
        held: Categories whose value is given.
    """
    held = held or {}
    names = tuple(hyperparameters.categories)
    if not names:
        return {}, [True] * len(observations)
    combinations = [tuple(o.params[name] for name in names) for o in observations]
    lowest: dict[tuple[float, ...], dict[tuple[float, ...], float]] = defaultdict(dict)
    for o, rung, combination in zip(observations, rungs, combinations, strict=True):
        if o.loss is not None and held.items() <= o.params.items():
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
    base = dict(zip(names, best, strict=True))
    categories = {}
    for name in names:
        found = category_differences(observations, rungs, scale, base, name)
        means = {value: mean_difference(differences) for value, differences in found.items()}
        if name not in held and means and min(means.values()) < 0:
            base[name] = min(means, key=lambda value: means[value])
            found = category_differences(observations, rungs, scale, base, name)
        categories[name] = Category(base[name], found)
    best = tuple(base.values())
    return categories, [combination == best for combination in combinations]
