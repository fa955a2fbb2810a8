"""From observations to the document of `fit`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from mutransfer_cli.documents.fit import Axis, FitDocument, Rung, SourceRung
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import write_text
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.cubic_bias import Shift, shifts
from mutransfer_cli.surface.curve import WINDOW, Curve, curves_of
from mutransfer_cli.surface.drift_and_regret import Vertex, line_of, regrets
from mutransfer_cli.surface.loss_transform import Scale, scale_of
from mutransfer_cli.surface.noise import Noise, noise_of
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.optimum_interval import optimum_of
from mutransfer_cli.surface.parabola import Parabola, parabola_of

TOLERANCE = 0.25  # octaves per doubling: the bound between holding and failing

Verdict = Literal["holds", "fails", "inconclusive"]


def fit_line(
    observations: Sequence[Observation],
    *,
    confidence: float = 0.95,
    source: str = "",
    axis: str = "width",
) -> FitDocument:
    """Optimum of each rung along one axis, drift, regret and verdict.

    The size along the axis stands in `width` of every observation.
    """
    scale = scale_of(observations)
    observations = scale.of(observations)
    by_width: dict[int, list[Observation]] = defaultdict(list)
    for o in observations:
        by_width[o.width].append(o)
    curves = curves_of(observations)
    parabolas = [p for c in curves.values() if c and (p := parabola_of(c))]
    noise = noise_of(parabolas)
    moved = dict(zip((p.curve.width for p in parabolas), shifts(parabolas), strict=True))
    rungs, vertices = [], []
    by_rung = {p.curve.width: p for p in parabolas}
    for width, curve in curves.items():
        p = by_rung.get(width)
        rung, vertex = rung_of(
            by_width[width], curve, p, noise, moved.get(width, Shift()), scale, confidence
        )
        rungs.append(rung)
        if p is not None and vertex is not None:
            vertices.append((p, vertex))
    line = line_of(vertices, noise, confidence) if noise else None
    drift = line[0] if line else None
    costs = (
        regrets(vertices[0][0], parabolas, noise, scale, confidence)
        if noise and vertices and vertices[0][0].curve.width == min(curves)
        else ()
    )
    verdict, reason = judged(rungs, vertices, drift, axis)
    best = max(vertices, key=lambda v: v[0].curve.width) if vertices else None
    return FitDocument(
        source=source,
        confidence=confidence,
        verdict=verdict,
        reason=reason,
        rungs=tuple(rungs),
        axes={axis: Axis(drift=drift, regret=costs, line=line[1] if line else None)},
        drift=drift,
        regret=costs,
        source_rung=source_rung(best[0].curve) if best else None,
        hyperparameters={"lr": 2.0 ** best[1], **best[0].curve.setting} if best else {},
        noise=scale.spread(noise.variance**0.5, parabolas) if noise else None,
    )


def source_rung(curve: Curve) -> SourceRung:
    return SourceRung(width=curve.width, depth=curve.depth, batch=curve.batch, steps=curve.steps)


def rung_of(
    runs: Sequence[Observation],
    curve: Curve | None,
    p: Parabola | None,
    noise: Noise | None,
    shift: Shift,
    scale: Scale,
    confidence: float,
) -> tuple[Rung, float | None]:
    """One rung's line, and the log2(lr) of its optimum where it is resolved."""
    first = runs[0]
    if curve is None:
        rates = len({o.lr for o in runs})
        rung = Rung(
            width=first.width, depth=first.depth, batch=first.batch, steps=first.steps,
            optimum=None, loss=None, at_edge=False, points=0, censored=rates,
            note="no learning rate where every seed finished; search lower ones",
        )  # fmt: skip
        return rung, None
    n, best = len(curve.x), curve.best
    diverges_above = bool(len(curve.censored)) and bool(curve.censored.max() > curve.x[best])
    at_edge = best == 0 or (best == n - 1 and not diverges_above)
    found, note = None, None
    if at_edge:
        note = f"the best lies at the {'low' if best == 0 else 'high'} end of the range"
    elif best == n - 1 or (p is None and n >= WINDOW):
        note = "the best lies next to divergence; take a finer grid below it"
    elif p is None:
        note = f"{n} finished learning rates; {WINDOW} around the best are needed"
        if curve.setting:
            note += " at one setting of the rest: take sampler: grid, or search lr alone"
    elif p.vertex is None:
        note = "the parabola has no minimum inside its window"
    elif noise is None or (found := optimum_of(p, noise, shift, confidence)) is None:
        note = f"the optimum is not resolved: {why(p)}"
    optimum, loss = None, float(curve.means.min())
    if found is not None and p is not None:
        value, low, high = found
        optimum = {"lr": Interval(value=2.0**value, low=2.0**low, high=2.0**high)}
        optimum |= {name: Interval(value=value) for name, value in curve.setting.items()}
        loss = float(p.at(value))
    rung = Rung(
        width=first.width,
        depth=first.depth,
        batch=first.batch,
        steps=first.steps,
        optimum=optimum,
        loss=scale.loss(loss),
        at_edge=at_edge,
        points=n,
        censored=len(curve.censored),
        pruned=len(curve.pruned),
        note=note,
    )
    return rung, found[0] if found else None


def why(p: Parabola) -> str:
    """What keeps an optimum from being resolved."""
    x = p.lack
    if x.pure_freedom and x.misfit / x.misfit_freedom > x.pure / x.pure_freedom:
        return "the curve is no parabola around its best, as next to divergence; take a finer grid"
    return "the noise is as large as the curvature; add seeds"


def judged(
    rungs: Sequence[Rung], vertices: Sequence[Vertex], drift: Interval | None, axis: str
) -> tuple[Verdict, str]:
    """The verdict by the interval of the drift, and what to change where there is none."""
    if drift is None or drift.low is None or drift.high is None:
        notes = "; ".join(f"{axis} {r.width}: {r.note}" for r in rungs if r.note)
        if not vertices:
            return "inconclusive", f"no rung has an optimum inside its range ({notes})"
        more = f" ({notes})" if notes else f"; add a {axis} to the ladder"
        return "inconclusive", f"an optimum at one {axis} only{more}"
    told = f"the optimum moves by {drift.value:+.2f} octaves per doubling of the {axis}"
    interval = f"interval {drift.low:+.2f} to {drift.high:+.2f}"
    if drift.low >= -TOLERANCE and drift.high <= TOLERANCE:
        return "holds", f"{told}, {interval}, within ±{TOLERANCE}"
    if drift.low > TOLERANCE or drift.high < -TOLERANCE:
        return "fails", f"{told}, {interval}, outside ±{TOLERANCE}"
    return (
        "inconclusive",
        f"{told}, {interval}, which reaches across ±{TOLERANCE}; add seeds or a longer ladder",
    )


def extrapolate(document: FitDocument, width: int) -> Interval | None:
    """The optimum at a width along the measured drift, with the interval of the line there."""
    axis = document.axes.get("width")
    if axis is None or axis.line is None or axis.drift is None:
        return None
    drift, lr = axis.drift, axis.line.lr
    if drift.high is None or lr.high is None:
        return None
    octaves = log2(width / axis.line.width)
    value = log2(lr.value) + drift.value * octaves
    half = (
        (log2(lr.high) - log2(lr.value)) ** 2 + ((drift.high - drift.value) * octaves) ** 2
    ) ** 0.5
    return Interval(value=2.0**value, low=2.0 ** (value - half), high=2.0 ** (value + half))


def write_fit(document: FitDocument, path: Path) -> None:
    values = document.model_dump(mode="json", by_alias=True)
    ordered = {"schema": values.pop("schema"), **values}
    write_text(path, json.dumps(ordered, indent=2, allow_nan=False) + "\n")


def read_fit(path: Path) -> FitDocument:
    """Read what `write_fit` wrote; InputError, in one line, for anything else."""
    try:
        return FitDocument.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise InputError(f"{path}: not a fit: {where}: {first['msg']}") from error
