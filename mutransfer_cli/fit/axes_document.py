"""What a study shows along each axis: drift, regret and the line of optima."""

from __future__ import annotations

from collections import Counter

import numpy as np

from mutransfer_cli.documents.fit import Axis, Line, Regret
from mutransfer_cli.fit.decision.rungs.rung_answers import RungAnswer, judged_rungs
from mutransfer_cli.fit.study.size_axes import SizeAxis
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.surface.response.response_surface import interval


def axes_document(fitted: StudySurface, rungs: tuple[RungAnswer, ...]) -> dict[str, Axis]:
    """Drift and regret along every axis."""
    several = len(fitted.study.rungs) > 1
    return {
        axis.name: Axis(
            drift=fitted.drift(axis.name) if several else {},
            regret=_regrets(fitted, rungs, axis),
            line=_line(fitted, k) if several and "lr" in fitted.names else None,
        )
        for k, axis in enumerate(fitted.study.axes)
    }


def _line(fitted: StudySurface, k: int) -> Line:
    """The line of optimal learning rates along one axis, at the ladder's middle."""
    size = float(2.0 ** fitted.study.runs.rungs.mean(0)[k])
    draws = fitted.surface.draws.optimum[:, fitted.names.index("lr")]
    coordinate = fitted.study.hyperparameters.coordinates[fitted.names.index("lr")]
    return Line(size=size, lr=coordinate.interval(interval(draws, fitted.confidence)))


def _regrets(
    fitted: StudySurface, rungs: tuple[RungAnswer, ...], axis: SizeAxis
) -> tuple[Regret, ...]:
    """The regret at each larger rung along one axis.

    The rungs are those on the line along the axis through the rung that shares the most sizes with
    others; where no two rungs are on one, all rungs, each size along the axis once.

    Args:
        fitted: The surface.
        rungs: All rungs, from the cheapest trial to the most expensive.
        axis: The axis.
    """
    line = judged_rungs(_on_line(fitted, rungs, axis))
    if len(line) < 2 or not line[0].comparable:
        return ()
    inside = [dict(sizes) for sizes in fitted.study.rungs]
    if dict(line[0].sizes) not in inside:
        return ()
    regrets = []
    for answer in line[1:]:
        size = answer.sizes[axis.name]
        size = int(size) if float(size).is_integer() else size
        if dict(answer.sizes) not in inside or not answer.comparable:
            note = "this rung has no optimum inside its range"
            regrets.append(Regret(size=size, value=None, note=note))
            continue
        cost = fitted.transfer_regret(line[0].sizes, answer.sizes)
        regrets.append(Regret(size=size, **cost.model_dump()))
    return tuple(regrets)


def _on_line(
    fitted: StudySurface, rungs: tuple[RungAnswer, ...], axis: SizeAxis
) -> list[RungAnswer]:
    """The rungs along an axis, by their size."""
    positions = {
        id(r): tuple(np.round([a.position(r.sizes) for a in fitted.study.axes], 1)) for r in rungs
    }
    k = fitted.study.axes.index(axis)
    others = {key: p[:k] + p[k + 1 :] for key, p in positions.items()}
    (most, count), *_ = Counter(others.values()).most_common(1)
    line = [r for r in rungs if count < 2 or others[id(r)] == most]
    distinct: dict[float, RungAnswer] = {}
    for r in sorted(line, key=lambda r: axis.position(r.sizes)):
        distinct.setdefault(positions[id(r)][k], r)
    return list(distinct.values())
