"""Whether the runs of one rung bracket its optimum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal, TypeAlias

from mutransfer_cli.fit.study.coordinates import Hyperparameters, setting_of_run
from mutransfer_cli.fit.study.size_axes import Sizes, sizes_of
from mutransfer_cli.surface.observation import Observation

End: TypeAlias = Literal["low", "high"]

FEWEST_FALLING = 4  # values over which the loss has to fall towards an end


@dataclass(frozen=True)
class LeftRung:
    """A rung that is not part of the arrays.

    Attributes:
        sizes: Its sizes.
        observations: Its runs.
        end: The end of the range at which its loss is lowest; None if nothing finished.
    """

    sizes: Sizes
    observations: tuple[Observation, ...]
    end: End | None = None


def falling_to_an_end(observations: Sequence[Observation], name: str) -> End | None:
    """The end of the range towards which the loss of a rung falls from value to value, if any.

    Next to divergence the high end is no end: the optimum lies between it and the rates that
    diverge. Nor is zero, below which nothing can be run.

    Args:
        observations: The runs of one rung, which differ in one hyperparameter.
        name: That hyperparameter.
    """
    losses: dict[float, list[float | None]] = defaultdict(list)
    for o in observations:
        losses[setting_of_run(o)[name]].append(o.loss)
    finished = {
        value: fmean(known)
        for value, seeds in losses.items()
        if len(known := [loss for loss in seeds if loss is not None]) == len(seeds)
    }
    values = sorted(finished)
    means = [finished[value] for value in values]
    if len(values) < FEWEST_FALLING:
        return None
    pairs = list(pairwise(means))
    if all(a < b for a, b in pairs):
        return None if values[0] == 0 else "low"
    if all(a > b for a, b in pairs) and values[-1] == max(losses):
        return "high"
    return None


def left_rungs(
    observations: Sequence[Observation],
    by_rung: dict[tuple[float, ...], list[int]],
    hyperparameters: Hyperparameters,
) -> tuple[tuple[LeftRung, ...], tuple[LeftRung, ...]]:
    """Take the rungs that nothing can be fitted to out of `by_rung`: unfinished and open ones.

    Open ones stay where there is no other rung, or several hyperparameters vary.

    Args:
        observations: All runs.
        by_rung: Indices of the runs of each rung; changed in place.
        hyperparameters: The coordinates.
    """
    left: dict[tuple[float, ...], LeftRung] = {}
    for key, members in by_rung.items():
        runs = tuple(observations[i] for i in members)
        if all(o.loss is None for o in runs):
            left[key] = LeftRung(sizes_of(runs[0]), runs)
        elif len(hyperparameters.coordinates) == 1:
            end = falling_to_an_end(runs, hyperparameters.names[0])
            if end is not None:
                left[key] = LeftRung(sizes_of(runs[0]), runs, end)
    opened = {key for key, rung in left.items() if rung.end is not None}
    if len(left) == len(by_rung):
        opened = set()
    removed = [key for key, rung in left.items() if rung.end is None or key in opened]
    for key in removed:
        del by_rung[key]
    return (
        tuple(left[key] for key in removed if key not in opened),
        tuple(left[key] for key in removed if key in opened),
    )
