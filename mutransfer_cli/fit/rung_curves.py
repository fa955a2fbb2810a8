"""The loss of every rung against the learning rate, for plots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer
from mutransfer_cli.fit.study.size_axes import sizes_of
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.surface.curves.curve import Curve, curves_of
from mutransfer_cli.surface.observation import Observation

LINE_POINTS = 33
FEWEST_RATES = 3  # on a line through one setting of the other hyperparameters


@dataclass(frozen=True)
class RungCurve:
    """One rung, as a curve of the mean loss over the seeds.

    Attributes:
        answer: What the runs show about the rung.
        curve: The losses, at one setting of the other hyperparameters; None if no run finished.
    """

    answer: RungAnswer
    curve: Curve | None


def rung_curves(
    observations: Sequence[Observation], answers: Sequence[RungAnswer]
) -> list[RungCurve]:
    """The curves of all rungs.

    Args:
        observations: All runs.
        answers: The rungs, in the order of the curves.
    """
    runs: dict[int, list[Observation]] = defaultdict(list)
    index = {tuple(answer.sizes.items()): i for i, answer in enumerate(answers)}
    for o in observations:
        i = index.get(tuple(sizes_of(o).items()))
        if i is not None:
            runs[i].append(o)
    curves = curves_of({i: runs[i] for i in sorted(runs)})
    return [RungCurve(answer, curves.get(i)) for i, answer in enumerate(answers)]


def is_joint(curves: Sequence[RungCurve], surface: StudySurface | None) -> bool:
    """Whether the optima of a study are of several hyperparameters at once.

    Then a line of learning rates at one setting of the others, if there is one, has its lowest loss
    elsewhere.

    Args:
        curves: The rungs.
        surface: The response surface, if one was fitted.
    """
    found = [rung.curve for rung in curves if rung.curve is not None]
    if found and all(len(curve.x) < FEWEST_RATES for curve in found):
        return True
    return surface is not None and any(_is_whole(surface, rung.answer) for rung in curves)


def _is_whole(surface: StudySurface, answer: RungAnswer) -> bool:
    """Whether a rung has an optimum of every hyperparameter, of which there are several."""
    return len(surface.names) > 1 and set(answer.optimum or {}) == set(surface.names)


def lowest_losses(
    observations: Sequence[Observation], answer: RungAnswer
) -> list[tuple[float, float]]:
    """Every learning rate of a rung with the lowest mean loss over the seeds that was found at it.

    Args:
        observations: All runs.
        answer: The rung.
    """
    losses: dict[tuple[float, tuple[tuple[str, float], ...]], list[float]] = defaultdict(list)
    for o in observations:
        if o.loss is not None and tuple(sizes_of(o).items()) == tuple(answer.sizes.items()):
            losses[o.lr, tuple(sorted(o.params.items()))].append(o.loss)
    lowest: dict[float, float] = {}
    for (lr, _), found in losses.items():
        lowest[lr] = min(float(np.mean(found)), lowest.get(lr, np.inf))
    return sorted(lowest.items())


def surface_line(
    surface: StudySurface | None, answer: RungAnswer, rates: Sequence[float]
) -> list[tuple[float, float]]:
    """Learning rates and the surface's loss, the other hyperparameters at the rung's best.

    Args:
        surface: The response surface, if one was fitted.
        answer: The rung.
        rates: Learning rates that were run.

    Returns:
        Empty where the rung has no optimum of every one of several hyperparameters.
    """
    if surface is None or not rates or answer.loss is None or not _is_whole(surface, answer):
        return []
    best = {name: found.value for name, found in (answer.optimum or {}).items()}
    line = map(float, np.geomspace(min(rates), max(rates), LINE_POINTS))
    return [
        (lr, answer.loss * (1 + surface.regret({**best, "lr": lr}, answer.sizes).value))
        for lr in line
    ]
