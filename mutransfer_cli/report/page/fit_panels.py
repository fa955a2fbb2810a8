"""Plots of a fit: losses of every rung, what a wrong value costs, optima over the sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mutransfer_cli.confidence import percentage
from mutransfer_cli.documents.fit import FitDocument, Rung
from mutransfer_cli.fit.decision.wording import size_text, spoken
from mutransfer_cli.fit.rung_curves import is_joint, lowest_losses, surface_line
from mutransfer_cli.fit.study.coordinates import Coordinate
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study_fit import StudyFit
from mutransfer_cli.interval import Interval
from mutransfer_cli.report.page.panels import Numbers, Panel, Series

SLICE_POINTS = 33  # positions at which the cost of a value is computed


def fit_panels(study: StudyFit, document: FitDocument, key: str) -> list[Panel]:
    """All plots of a fit.

    Args:
        study: The fit.
        document: Its document.
        key: Begins the key of every panel.
    """
    panels = [losses_panel(study, key)]
    surface = study.surface
    if surface is not None and document.decision is not None:
        panels += slice_panels(study, surface, document, key)
    panels += optimum_panels(document, key)
    panels += cost_panels(document, key)
    return [panel for panel in panels if panel.series]


def losses_panel(study: StudyFit, key: str) -> Panel:
    """Loss against learning rate, a curve for every rung."""
    series: list[Series] = []
    joint = is_joint(study.curves, study.surface)
    points = "Means over the seeds"
    if joint:
        points = (
            "A point is the lowest mean over the seeds at its learning rate, with whatever values "
            "of the other hyperparameters; lines are the fitted surface at the rung's best values "
            "of these"
        )
    for i, rung in enumerate(study.curves):
        curve, answer = rung.curve, rung.answer
        if curve is None:
            continue
        name = size_text(answer.sizes, study.answers.axes) or size_text(answer.sizes, ["width"])
        rates = tuple(float(r) for r in 2.0**curve.x)
        if joint:
            settings = lowest_losses(study.observations, answer)
            line = surface_line(study.surface, answer, [lr for lr, _ in settings])
            series.append(Series(name, *columns(settings), "points", i))
            series.append(Series(name, *columns(line), "line", i, in_legend=False))
        else:
            series.append(Series(name, rates, tuple(map(float, curve.means)), "curve", i))
        if len(curve.censored):
            top = (float(curve.means.max()),) * len(curve.censored)
            diverged = tuple(float(r) for r in 2.0**curve.censored)
            series.append(Series(name, diverged, top, "cross", i, in_legend=False))
        lr = (answer.optimum or {}).get("lr")
        if lr is not None and lr.low is not None and lr.high is not None and answer.loss:
            series.append(
                Series(
                    name,
                    (lr.value,),
                    (answer.loss,),
                    "optimum",
                    i,
                    x_low=(lr.low,),
                    x_high=(lr.high,),
                    in_legend=False,
                )
            )
    return Panel(
        f"{key}-losses",
        "Loss against learning rate",
        f"{points}; a diamond is the optimum of a rung with its interval, a cross a "
        "learning rate that diverged, drawn at the highest loss of its rung.",
        "learning rate, quoted at the base",
        "loss",
        tuple(series),
        log2_x=True,
    )


def columns(pairs: Sequence[tuple[float, float]]) -> tuple[Numbers, Numbers]:
    """The first numbers of all pairs, and the second."""
    return tuple(x for x, _ in pairs), tuple(y for _, y in pairs)


def slice_panels(
    study: StudyFit, surface: StudySurface, document: FitDocument, key: str
) -> Iterator[Panel]:
    """For every hyperparameter, what another value costs, with the rest at the choice.

    Args:
        study: The fit.
        surface: Its response surface.
        document: Its document, with a decision.
        key: Begins the key of every panel.
    """
    sizes: list[tuple[str, Sizes]] = []
    if study.answers.target is not None:
        sizes.append(("target", study.answers.target))
    sizes.append(("largest rung", surface.largest))
    chosen = {name: decided.value for name, decided in document.decided.items()}
    for coordinate in surface.study.hyperparameters.coordinates:
        if coordinate.name not in chosen:
            continue
        grid = positions_tried(study, coordinate)
        if len(grid) < 2:
            continue
        series = []
        for color, (name, size) in enumerate(sizes):
            values = tuple(coordinate.value(p) for p in grid)
            costs = [surface.regret({**chosen, coordinate.name: v}, size) for v in values]
            middle, low, high = bounds(costs, 100.0)
            series.append(Series(name, values, middle, "line", color, low=low, high=high))
        yield Panel(
            f"{key}-cost-{coordinate.name}",
            f"What another {spoken(coordinate.name)} costs",
            "Extra loss against the best setting, the other hyperparameters at the choice; the "
            f"band is the interval at {percentage(document.confidence)}.",
            f"{spoken(coordinate.name)}, quoted at the base",
            "extra loss, % of the loss",
            tuple(series),
            log2_x=coordinate.scale == "log2" and values[0] > 0,
            reference=100 * document.tolerance,
        )


def bounds(intervals: Sequence[Interval], scale: float = 1.0) -> tuple[Numbers, Numbers, Numbers]:
    """Values and both ends of intervals; where one is missing, the value.

    Args:
        intervals: The intervals.
        scale: A factor on all numbers, such as 100 for percentages.
    """
    return (
        tuple(scale * i.value for i in intervals),
        tuple(scale * (i.value if i.low is None else i.low) for i in intervals),
        tuple(scale * (i.value if i.high is None else i.high) for i in intervals),
    )


def positions_tried(study: StudyFit, coordinate: Coordinate) -> tuple[float, ...]:
    """Positions over the values that were run; empty if there are fewer than two."""
    assert study.surface is not None
    observed = [
        o.lr if coordinate.name == "lr" else o.params.get(coordinate.name)
        for o in study.surface.study.observations
    ]
    tried = sorted({coordinate.position(v) for v in observed if v is not None and v > 0})
    if len(tried) < 2:
        return ()
    return tuple(float(p) for p in np.linspace(tried[0], tried[-1], SLICE_POINTS))


def optimum_panels(document: FitDocument, key: str) -> Iterator[Panel]:
    """The optimum of every hyperparameter against every size along which it was measured."""
    for axis, found in document.axes.items():
        for name in found.drift:
            rungs = [
                (float(size), rung.optimum[name])
                for rung in line_of(document, axis)
                if (size := getattr(rung, axis, None)) and rung.optimum and name in rung.optimum
            ]
            if len(rungs) < 2:
                continue
            sizes = tuple(size for size, _ in rungs)
            values, low, high = bounds([optimum for _, optimum in rungs])
            yield Panel(
                f"{key}-optimum-{name}-{axis}",
                f"Best {spoken(name)} against {axis}",
                f"Level if it transfers. Intervals at {percentage(document.confidence)}.",
                axis,
                f"{spoken(name)}, quoted at the base",
                (Series(name, sizes, values, "curve", 0, low=low, high=high, in_legend=False),),
                log2_x=True,
            )


def line_of(document: FitDocument, axis: str) -> list[Rung]:
    """The rungs that differ from the first along one size alone."""
    others = [name for name in document.axes if name != axis]
    first = document.rungs[0]
    return [
        rung
        for rung in document.rungs
        if all(getattr(rung, name, None) == getattr(first, name, None) for name in others)
    ]


def cost_panels(document: FitDocument, key: str) -> Iterator[Panel]:
    """What the smallest rung's optimum costs at larger sizes."""
    for axis, found in document.axes.items():
        known = {
            float(r.size): Interval(value=r.value, low=r.low, high=r.high)
            for r in found.regret
            if r.value is not None
        }
        if not known:
            continue
        values, low, high = bounds(list(known.values()), 100.0)
        yield Panel(
            f"{key}-transfer-{axis}",
            f"What the smallest rung's optimum costs along {axis}",
            f"The dashed line is the tolerance. Intervals at {percentage(document.confidence)}.",
            axis,
            "extra loss, % of the loss",
            (
                Series(
                    "extra loss",
                    tuple(known),
                    values,
                    "curve",
                    0,
                    low=low,
                    high=high,
                    in_legend=False,
                ),
            ),
            log2_x=True,
            reference=100 * document.tolerance,
        )
