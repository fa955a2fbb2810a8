"""By how much one value of a hyperparameter is worse than another, rung by rung.

Runs that differ in nothing else are compared: of the pairs on a rung those whose two losses have
the lowest mean. Where the other optima differ between the two values these lie about the middle,
and the differences on its two sides cancel (for valleys of one shape; derived).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeAlias

import numpy as np

from mutransfer_cli.fit.study.coordinates import setting_of_run
from mutransfer_cli.fit.study.loss_scale import LossScale
from mutransfer_cli.surface.observation import Observation

Rung: TypeAlias = tuple[float, ...]
Others: TypeAlias = tuple[object, ...]  # the other hyperparameters of a run, and its seed

PAIRS = 5  # with the lowest losses, of one seed


@dataclass(frozen=True, slots=True)
class RungDifference:
    """The difference between two values on one rung.

    Attributes:
        mean: Of transformed losses.
        pairs: Number of pairs of runs that it is a mean of.
    """

    mean: float
    pairs: int


def category_differences(
    observations: Sequence[Observation],
    rungs: Sequence[Rung],
    scale: LossScale,
    base: Mapping[str, float],
    name: str,
) -> dict[float, tuple[RungDifference, ...]]:
    """Transformed losses of each other value of a hyperparameter, less those of its base value.

    Args:
        observations: All runs.
        rungs: The rung of each run.
        scale: The scale of the losses.
        base: The value of every category with which others are compared.
        name: The category that is varied.

    Returns:
        By other value, the difference on each rung that has both.
    """
    losses: dict[float, dict[Rung, dict[Others, float]]] = defaultdict(lambda: defaultdict(dict))
    for o, rung in zip(observations, rungs, strict=True):
        setting = setting_of_run(o)
        if o.loss is None or any(setting[n] != v for n, v in base.items() if n != name):
            continue
        value = setting.pop(name)
        loss = float(scale.transformed(np.array(o.loss)))
        losses[value][rung][(*setting.values(), o.seed)] = loss
    own = losses.pop(base[name], {})
    return {
        value: tuple(_difference(own[rung], theirs[rung]) for rung in own if rung in theirs)
        for value, theirs in sorted(losses.items())
        if any(rung in theirs for rung in own)
    }


def mean_difference(differences: Sequence[RungDifference]) -> float:
    """The mean over the rungs."""
    return fmean(difference.mean for difference in differences)


def _difference(own: Mapping[Others, float], other: Mapping[Others, float]) -> RungDifference:
    """The mean difference of the best pairs of one rung; of the lowest losses without pairs."""
    shared = sorted(own.keys() & other.keys(), key=lambda key: own[key] + other[key])
    if not shared:
        return RungDifference(min(other.values()) - min(own.values()), 1)
    best = shared[: PAIRS * len({key[-1] for key in shared})]
    return RungDifference(fmean(other[key] - own[key] for key in best), len(best))
