"""Which optima a rung does not resolve, also beside hyperparameters that are best at an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.decision.rungs.resolution import (
    Findings,
    Tried,
    end_message,
    unresolved_reason,
)
from mutransfer_cli.fit.study.rung_range import falling_to_an_end
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.surface.observation import Observation

Array = NDArray[np.float64]


def held_at_end(fitted: StudySurface, rung: int, at_end: Mapping[str, str]) -> dict[int, float]:
    """By index, the coordinate of the end of the tried values at which a hyperparameter is best."""
    ends = {"low": 0, "high": -1}
    return {
        j: Tried.of(fitted, rung, j).values[ends[at_end[name]]]
        for j, name in enumerate(fitted.names)
        if name in at_end
    }


def unresolved_at(
    fitted: StudySurface,
    rung: int,
    runs: Sequence[Observation],
    draws: Array,
    coordinates: Iterable[int],
    found: Findings,
) -> dict[str, str]:
    """Why the optima of some hyperparameters are not resolved at a rung.

    Args:
        fitted: The surface.
        rung: Index of the rung.
        runs: Its runs.
        draws: Draws of the optimum there.
        coordinates: Indices of the hyperparameters.
        found: What is found besides; added to.
    """
    unresolved = {}
    for j in coordinates:
        coordinate, tried = fitted.study.hyperparameters.coordinates[j], Tried.of(fitted, rung, j)
        why = unresolved_reason(
            coordinate, tried, draws[:, j], found, two_optima=fitted.second is not None
        )
        end = falling_to_an_end(runs, coordinate.name) if len(fitted.names) == 1 else None
        if end is not None and why is None:
            low, high = (coordinate.value(tried.values[i]) for i in (0, -1))
            why, found.at_end[coordinate.name] = end_message(coordinate, end, low, high), end
        if why is not None:
            unresolved[coordinate.name] = why
    return unresolved
