"""Finds the optimum of each rung with its interval, or the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.cubic_bias import vertex_shifts
from mutransfer_cli.surface.curves.curve import WINDOW_POINTS, Curve, RungKey
from mutransfer_cli.surface.curves.loss_transform import TransformedCurves, transformed_curves
from mutransfer_cli.surface.curves.noise import Noise, pooled_noise
from mutransfer_cli.surface.curves.optimum_interval import optimum_interval
from mutransfer_cli.surface.curves.parabola import Parabola, parabola_through
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)

SAMPLER_CONFIDENCE = 0.9  # confidence level of the interval that `search.precision` bounds


@dataclass(frozen=True)
class RungFit:
    """What the trials of one rung show about its optimum.

    Attributes:
        optimum: The optimum in log2(lr); None if it is not resolved.
        lack_of_fit: Whether the loss is clearly not quadratic around the best rate, so that more
            seeds would not help.
        has_window: Whether there are enough rates around the best for a parabola.
        loss: Loss at the optimum; without one, the lowest mean; None if no rate finished.
        at_edge: Whether the best rate is at an end of the range.
        points: Number of rates at which every seed finished.
        censored: Number of rates at which a seed diverged.
        pruned: Number of rates at which a seed was pruned and none diverged.
        note: Why there is no optimum; None if there is one.
        curve: The curve of transformed losses; None if no rate finished.
        parabola: The parabola fitted to the curve's window.
    """

    optimum: Interval | None
    lack_of_fit: bool = False
    has_window: bool = True
    loss: float | None = None
    at_edge: bool = False
    points: int = 0
    censored: int = 0
    pruned: int = 0
    note: str | None = None
    curve: Curve | None = None
    parabola: Parabola | None = None


@dataclass(frozen=True)
class RungFits(Generic[RungKey]):
    """The fits of all rungs of a ladder, and what they have in common.

    Attributes:
        rungs: The fit of each rung, small to large.
        noise: Noise of the transformed losses, pooled over the rungs; None if it is unknown.
        curves: The transformed curves.
    """

    rungs: dict[RungKey, RungFit]
    noise: Noise | None
    curves: TransformedCurves[RungKey]


def rung_fits(rungs: Mapping[RungKey, Sequence[Observation]]) -> dict[RungKey, RungFit]:
    """The fit of each rung while a sweep is running, for samplers that refine the optima.

    Args:
        rungs: The observations of each rung, small to large.
    """
    return fit_rungs(rungs, SAMPLER_CONFIDENCE).rungs if rungs else {}


def fit_rungs(
    rungs: Mapping[RungKey, Sequence[Observation]], confidence: float
) -> RungFits[RungKey]:
    """Fit all rungs of a ladder; the transform, the noise and the cubic term are common to them.

    Args:
        rungs: The observations of each rung, small to large.
        confidence: Confidence level of the intervals, between 0 and 1.
    """
    curves = transformed_curves(rungs)
    parabolas = curves.parabolas
    noise = pooled_noise(p.lack_of_fit for p in parabolas.values())
    shifts = dict(zip(parabolas, vertex_shifts(list(parabolas.values())), strict=True))
    fits = {}
    for rung, curve in curves.curves.items():
        if curve is None:
            fits[rung] = nothing_finished(rungs[rung])
            continue
        parabola = parabolas.get(rung)
        optimum = None
        if parabola is not None:
            ends = 2**parabola.low, 2**parabola.high
            log.debug("%s: window of %d rates, %.4g to %.4g", rung, len(parabola.x), *ends)
            if noise is not None:
                optimum = optimum_interval(parabola, noise, shifts[rung], confidence)
        fits[rung] = rung_fit(curve, parabola, optimum, curves)
    return RungFits(fits, noise, curves)


def nothing_finished(runs: Sequence[Observation]) -> RungFit:
    """The fit of a rung where at every rate some seed diverged or was pruned."""
    return RungFit(
        optimum=None,
        has_window=False,
        censored=len({o.lr for o in runs}),
        note="no learning rate where every seed finished; search lower ones",
    )


def rung_fit(
    curve: Curve,
    parabola: Parabola | None,
    optimum: Interval | None,
    curves: TransformedCurves[RungKey],
) -> RungFit:
    """The fit of one rung.

    Args:
        curve: The rung's loss curve.
        parabola: The parabola fitted to the curve's window.
        optimum: The optimum in log2(lr), if the window resolves it.
        curves: The curves of all rungs, for the transform of the losses.
    """
    note = unresolved(curve, parabola, optimum)
    if note is not None:
        optimum = None
    window = curve.window()
    loss = curve.lowest_mean
    if optimum is not None and parabola is not None:
        loss = float(parabola.at(optimum.value))
    return RungFit(
        optimum=optimum,
        lack_of_fit=window is not None and parabola_through(curve, window).lack_of_fit.significant,
        has_window=window is not None,
        loss=curves.transform.loss(loss),
        at_edge=at_edge(curve),
        points=len(curve.x),
        censored=len(curve.censored),
        pruned=len(curve.pruned),
        note=note,
        curve=curve,
        parabola=parabola,
    )


def at_edge(curve: Curve) -> bool:
    """Whether the best rate is at an end of the range and no higher rate diverged."""
    n, best = len(curve.x), curve.best
    diverges_above = bool(len(curve.censored)) and bool(curve.censored.max() > curve.x[best])
    return best == 0 or (best == n - 1 and not diverges_above)


def unresolved(curve: Curve, parabola: Parabola | None, optimum: Interval | None) -> str | None:
    """Why a rung has no optimum, and what to do about it; None if it has one.

    Args:
        curve: The rung's loss curve.
        parabola: The parabola fitted to the curve's window.
        optimum: The optimum in log2(lr), if the window resolves it.
    """
    n, best = len(curve.x), curve.best
    if at_edge(curve):
        return f"the best learning rate is at the {'low' if best == 0 else 'high'} end of the range"
    if best == n - 1 or (parabola is None and n >= WINDOW_POINTS):
        return "the best learning rate is next to divergence; use a finer grid below it"
    if parabola is None:
        note = f"{n} learning rates finished; {WINDOW_POINTS} around the best are needed"
        if curve.setting:
            note += (
                " at one setting of the other hyperparameters: use sampler: grid, or search only lr"
            )
        return note
    if parabola.vertex is None:
        return "the parabola has no minimum inside its window"
    if optimum is None:
        return f"the optimum is not resolved: {limiting_factor(parabola)}"
    return None


def limiting_factor(p: Parabola) -> str:
    """What prevents the optimum from being resolved: the shape of the curve, or the noise."""
    misfit, error = p.lack_of_fit.misfit, p.lack_of_fit.pure_error
    if error.degrees_of_freedom and misfit.mean_square > error.mean_square:
        return (
            "the loss is not quadratic near its minimum (often: too close to divergence); "
            "use a finer grid"
        )
    return "the noise is as large as the curvature; add seeds"
