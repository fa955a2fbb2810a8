"""Says that a ladder predicts nothing at a target, why, and what to run."""

from __future__ import annotations

from math import exp2, log2

from mutransfer_cli.fit.forecast.target_surface import TargetSurface
from mutransfer_cli.fit.target.support import Extent
from mutransfer_cli.interval import Interval, number


def unanswered(
    at_target: TargetSurface, loss: Interval | None, loss_fault: str | None
) -> str | None:
    """Why a prediction is inconclusive, and what to run; None where it is not.

    It is where the rungs leave an optimum open, where neither the loss nor an optimum has an
    interval, and where the ladder spans less than an octave towards the target.

    Args:
        at_target: The surface at the target.
        loss: The predicted loss.
        loss_fault: Why it or its interval is missing, as the end of a sentence on the loss.
    """
    if at_target.unanswered is not None:
        return at_target.unanswered
    has_loss = loss is not None and loss.low is not None
    has_optimum = any(value.low is not None for value in at_target.optimum().values())
    short = any(extent.short for extent in at_target.extents)
    if not short and (has_loss or has_optimum):
        return None
    causes = [at_target.fault] if at_target.fault is not None else []
    if loss is None and loss_fault is not None and not any(e.unvaried for e in at_target.extents):
        causes.append(loss_fault.removeprefix("is not predicted: "))
    what = "the optimum is not" if has_loss else "neither the loss nor the optimum is"
    runs = ", and ".join(_runs(at_target)) or "more settings at each size"
    return f"{what} predicted, because {', and '.join(causes)}; run {runs}"


def _runs(at_target: TargetSurface) -> list[str]:
    """The runs that each axis along which the target is beyond the ladder asks for."""
    settling = {rule.axis: rule.settle for rule in at_target.assumed}
    runs = [
        settling.get(extent.axis) or _rung(at_target, extent)
        for extent in at_target.extents
        if extent.fault is not None
    ]
    return list(dict.fromkeys(runs))


def _rung(at_target: TargetSurface, extent: Extent) -> str:
    """A rung with which the ladder spans an octave, or one half-way to the target, in octaves."""
    rungs, axis = at_target.surface.study.rungs, extent.axis
    sizes = [rung[axis] for rung in rungs if rung.get(axis)]
    if not sizes or not at_target.target.get(axis):
        return f"rungs that differ in {axis}"
    if extent.short:
        return f"a rung at {axis} {number(2 * min(sizes))} or more"
    there = exp2((log2(max(sizes)) + log2(at_target.target[axis])) / 2)
    return f"a rung nearer the target: {axis} {number(float(round(there)))}"
