"""What to run next where a verdict is inconclusive."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp2, log2

import numpy as np

from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer, judged_rungs
from mutransfer_cli.fit.decision.transfer import TransferCost, verdict_on_cost
from mutransfer_cli.fit.decision.wording import size_text, spoken
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import ROUNDING, SHORTEST_SPAN, extents
from mutransfer_cli.interval import number

SPREAD = 1.0  # octaves on each side of an optimum to which its interval is widened for new runs


def next_runs(
    fitted: StudySurface,
    rungs: Sequence[RungAnswer],
    costs: Sequence[TransferCost],
    target: Sizes | None,
    tolerance: float,
) -> str:
    """The runs that would narrow the cost that is not known well enough.

    Args:
        fitted: The surface.
        rungs: All rungs, the cheapest first.
        costs: The costs at the largest rung and at the target.
        target: The target, if one is named.
        tolerance: Largest cost at which a transfer holds.
    """
    measured = [c for c in costs if not c.predicted]
    if target is not None and all(verdict_on_cost(c.cost, tolerance) == "holds" for c in measured):
        return f"run a rung nearer the target: {_between(fitted, target)}"
    ends = [judged_rungs(rungs)[0], rungs[-1]]
    widths = [_half_width(fitted, answer) for answer in ends]
    wider = ends[widths.index(max(widths))]
    return f"run {_rates(fitted, wider)}"


def _half_width(fitted: StudySurface, answer: RungAnswer) -> float:
    """The widest interval of an optimum at a rung, in coordinates."""
    return max(position.half_width for position in fitted.positions(answer.sizes).values())


def _rates(fitted: StudySurface, answer: RungAnswer) -> str:
    """Values around the optimum of the worst-known hyperparameter of a rung, or another seed."""
    axes = [axis.name for axis in fitted.study.axes]
    positions = fitted.positions(answer.sizes)
    name = max(positions, key=lambda n: positions[n].half_width)
    coordinate = next(c for c in fitted.study.hyperparameters.coordinates if c.name == name)
    value = positions[name].value
    low, high = (coordinate.value(value + s * SPREAD) for s in (-1, 1))
    steps = "half octaves"
    if coordinate.scale == "memory":
        steps = f"half octaves of 1 - {name}"
    named = name if spoken(name) == name else f"a {spoken(name)}"
    seeds = "a second seed" if answer.seeds == 1 else "more seeds"
    return (
        f"{named} between {low:.3g} and {high:.3g} in {steps}, and {seeds} there, at "
        f"{size_text(answer.sizes, axes)}"
    ) if coordinate.octaves else (
        f"{name} between {low:.3g} and {high:.3g}, and {seeds} there, at "
        f"{size_text(answer.sizes, axes)}"
    )  # fmt: skip


def _between(fitted: StudySurface, target: Sizes) -> str:
    """A size half-way, in octaves, between the largest rung and the target."""
    largest, full = fitted.largest, fitted.study.full(target)
    reach = extents(fitted.study.rungs, fitted.study.axes, full)
    grown = [e.axis for e in reach if e.beyond] or [axis.name for axis in fitted.study.axes]
    halfway = {
        name: float(round(exp2((log2(largest[name]) + log2(full[name])) / 2))) for name in grown
    }
    return ", ".join(f"{name} {number(size)}" for name, size in halfway.items())


def short_ladder(fitted: StudySurface, judged: Sequence[Sizes]) -> str | None:
    """Says that rungs differ by less than an octave along every axis, and what to run.

    Args:
        fitted: The surface.
        judged: The rungs that are judged.
    """
    inside = [dict(sizes) for sizes in fitted.study.rungs]
    rungs = np.array([fitted.study.size(sizes) for sizes in judged if dict(sizes) in inside])
    if len(rungs) < 2:
        return None
    spans = dict(zip(fitted.study.axes, rungs.max(0) - rungs.min(0), strict=True))
    axis = max(spans, key=lambda a: spans[a])
    if spans[axis] >= SHORTEST_SPAN - ROUNDING:
        return None
    return (
        f"the rungs span {spans[axis]:.2g} octaves of {axis.name}, less than one; "
        f"run a rung at {axis.name} {number(2 * judged[0][axis.name])} or more"
    )
