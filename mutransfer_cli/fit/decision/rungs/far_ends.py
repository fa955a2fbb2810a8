"""Hyperparameters that are best far beyond the values that were tried, on every rung.

The optimum of all hyperparameters at once is then far from every run, and so is what the surface
says of it. What is best of the others beside the end of the tried values is known from the runs at
that end alone: they are fitted without the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer
from mutransfer_cli.fit.study.coordinates import FEWEST_VALUES, setting_of_run
from mutransfer_cli.fit.study.study_surface import StudySurface

TUNED = "lr"  # always has an optimum of its own, or none
# Octaves beyond the end, at the median, from which the surface knows less of the others than the
# runs at the end alone: on 12 sweeps of three batches (`tests/fit/decision/rungs/test_far_ends.py`
# has one), its intervals of the learning rate are as wide at half an octave, 1.6 times at one.
FAR = 0.5


def far_ends(fitted: StudySurface, rungs: Sequence[RungAnswer]) -> dict[str, float]:
    """The end of the tried values, by hyperparameter that is best beyond the same one everywhere.

    Empty where the optimum is near these ends, so that the surface knows what is best beside them,
    and where a rung has too few runs at the ends to say so. Where no rung resolves the learning
    rate, the surface does not know that, however near the ends are.

    Args:
        fitted: The surface over all hyperparameters.
        rungs: What it says of every rung.
    """
    if fitted.second is not None:
        return {}
    study, ends = fitted.study, dict[str, float]()
    tried = [setting_of_run(o) for o in study.observations if o.loss is not None]
    finished = study.runs.settings[~study.runs.diverged]
    best = np.array([np.median(fitted.optimum_draws(sizes), axis=0) for sizes in study.rungs])
    open_rate = all(TUNED in rung.unresolved for rung in rungs)
    far = -np.inf if open_rate else FAR
    for j, coordinate in enumerate(study.hyperparameters.coordinates):
        sides = {rung.at_end.get(coordinate.name) for rung in rungs}
        if coordinate.name == TUNED or len(sides) > 1:
            continue
        if sides == {"high"} and (best[:, j] > finished[:, j].max() + far).all():
            ends[coordinate.name] = max(setting[coordinate.name] for setting in tried)
        if sides == {"low"} and (best[:, j] < finished[:, j].min() - far).all():
            ends[coordinate.name] = min(setting[coordinate.name] for setting in tried)
    others = [name for name in fitted.names if name not in ends]
    return ends if ends and _searched_beside(fitted, ends, others) else {}


def _searched_beside(
    fitted: StudySurface, ends: Mapping[str, float], others: Sequence[str]
) -> bool:
    """Whether every rung has enough values of the other hyperparameters at the ends."""
    tried: dict[tuple[int, str], set[float]] = defaultdict(set)
    study = fitted.study
    for rung, o in zip(study.runs.rung, study.observations, strict=True):
        setting = setting_of_run(o)
        if o.loss is not None and all(setting[name] == end for name, end in ends.items()):
            for name in others:
                tried[int(rung), name].add(setting[name])
    return all(
        len(tried[rung, name]) >= FEWEST_VALUES
        for rung in range(len(study.rungs))
        for name in others
    )


def with_far_ends(
    beside: Sequence[RungAnswer], rungs: Sequence[RungAnswer], ends: Mapping[str, float]
) -> tuple[RungAnswer, ...]:
    """The rungs as they are answered beside the ends, of which they say what to run.

    Args:
        beside: The answers of the runs at the ends.
        rungs: The answers of all runs, in the same order.
        ends: The hyperparameters that are best at an end.
    """
    return tuple(
        replace(
            answer,
            unresolved={name: every.unresolved[name] for name in ends} | dict(answer.unresolved),
            at_end={name: every.at_end[name] for name in ends} | dict(answer.at_end),
        )
        for answer, every in zip(beside, rungs, strict=True)
    )
