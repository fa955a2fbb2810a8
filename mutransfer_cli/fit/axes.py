"""A ladder with several axes: each is a line through the base, fitted by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.documents.fit import FitDocument, Rung, SourceRung
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.fit_file import Verdict, fit_line
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.surface.observation import Observation

Point = tuple[int, int | None, int | None, int | None]


def point(o: Observation | Size) -> Point:
    return o.width, o.depth, o.batch, o.steps


def fit(
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    source: str = "",
    base: Size | None = None,
) -> FitDocument:
    """Optimum of each rung; for each axis drift and regret; the verdict over all of them.

    base: where the axes cross; by default the point with the most neighbours along the axes.
    Raises InputError where nothing finished.
    """
    if not observations:
        raise InputError(f"{source}: holds no finished trial; run the sweep first")
    points = {point(o) for o in observations}
    centre = point(base) if base is not None else busiest(points)
    fitted = {}
    for axis in SIZES:
        on_line = [o for o in observations if differs_in(point(o), centre) in (None, axis)]
        values = {getattr(o, axis) for o in on_line}
        if len(values) > 1 or (axis == "width" and len(points) == 1):
            fitted[axis] = one_axis(on_line, axis, confidence, source)
    if not fitted:
        raise InputError(f"{source}: no two of its rungs lie on one axis through {centre}")
    if list(fitted) == ["width"]:
        return fitted["width"]
    first = fitted.get("width") or next(iter(fitted.values()))
    verdict, reason = worst(fitted)
    rungs: dict[Point, Rung] = {}
    for document in fitted.values():
        for rung in document.rungs:
            rungs.setdefault((rung.width, rung.depth, rung.batch, rung.steps), rung)
    return first.model_copy(
        update={
            "verdict": verdict,
            "reason": reason,
            "rungs": tuple(rungs[key] for key in sorted(rungs, key=str)),
            "axes": {axis: document.axes[axis] for axis, document in fitted.items()},
            "drift": fitted["width"].drift if "width" in fitted else None,
            "regret": fitted["width"].regret if "width" in fitted else (),
        }
    )


def differs_in(at: Point, centre: Point) -> str | None:
    """The one axis along which two points differ; `several` where there is more than one.

    A batch alone keeps the tokens, so its steps follow.
    """
    odd = [axis for axis, a, b in zip(SIZES, at, centre, strict=True) if a != b]
    batch, steps = at[2], at[3]
    if odd == ["batch", "steps"] and None not in (batch, steps, centre[2], centre[3]):
        tokens = (batch or 0) * (steps or 0), (centre[2] or 0) * (centre[3] or 0)
        return (
            "batch" if abs(tokens[0] - tokens[1]) < max(batch or 0, centre[2] or 0) else "several"
        )
    return None if not odd else odd[0] if len(odd) == 1 else "several"


def busiest(points: set[Point]) -> Point:
    """The point from which most others are reached along an axis; the smallest of several."""
    count = Counter(
        {p: sum(differs_in(q, p) not in (None, "several") for q in points) for p in points}
    )
    most = max(count.values())
    return min((p for p in points if count[p] == most), key=lambda p: tuple(v or 0 for v in p))


def one_axis(
    observations: Sequence[Observation], axis: str, confidence: float, source: str
) -> FitDocument:
    """Fit a line of rungs, with each rung's own sizes put back."""
    if axis == "width":
        return fit_line(observations, confidence=confidence, source=source)
    sizes = {getattr(o, axis): point(o) for o in observations}
    moved = [replace(o, width=getattr(o, axis)) for o in observations]
    found = fit_line(moved, confidence=confidence, source=source, axis=axis)
    rungs = tuple(r.model_copy(update=named(sizes[r.width])) for r in found.rungs)
    own = found.source_rung
    return found.model_copy(
        update={
            "rungs": rungs,
            "source_rung": own and SourceRung.model_validate(named(sizes[own.width])),
        }
    )


def named(at: Point) -> dict[str, int | None]:
    return dict(zip(SIZES, at, strict=True))


def worst(fitted: dict[str, FitDocument]) -> tuple[Verdict, str]:
    """The verdict of the axis that holds least, and what is said of every axis."""
    order: tuple[Verdict, ...] = ("fails", "inconclusive", "holds")
    verdict = min((d.verdict for d in fitted.values()), key=order.index)
    return verdict, "; ".join(f"{axis} {d.verdict}: {d.reason}" for axis, d in fitted.items())
