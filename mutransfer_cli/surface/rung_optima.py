"""The optimum of every rung while a sweep is still running, for a search that sharpens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2

from mutransfer_cli.documents.fit import Rung
from mutransfer_cli.fit.fit_file import fit_line
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.samplers.adaptive import Resolved, Shape
from mutransfer_cli.search.storage.study import Record
from mutransfer_cli.surface.curve import curves_of
from mutransfer_cli.surface.loss_transform import scale_of
from mutransfer_cli.surface.observation import observation_of
from mutransfer_cli.surface.parabola import over

CONFIDENCE = 0.9  # of the interval that is to be as narrow as `search.precision`


def shapes(records: Sequence[Record]) -> Mapping[Size, Shape]:
    """What is known of each rung's curve; noise is pooled."""
    kept = [r for r in records if r.outcome != "failed"]
    sizes = sorted({r.size for r in kept}, key=lambda s: (s.width, s.depth, s.batch, s.steps))
    if not sizes:
        return {}
    observations = [replace(observation_of(r, 0.0), width=1 + sizes.index(r.size)) for r in kept]
    curves = curves_of(scale_of(observations).of(observations))
    found = {}
    for rung in fit_line(observations, confidence=CONFIDENCE).rungs:
        curve = curves[rung.width]
        window = curve.window() if curve is not None else None
        bent = curve is not None and window is not None and over(curve, window).bent
        found[sizes[rung.width - 1]] = Shape(resolved(rung), bent, window is not None)
    return found


def resolved(rung: Rung) -> Resolved | None:
    lr = rung.optimum["lr"] if rung.optimum else None
    if lr is None or lr.low is None or lr.high is None:
        return None
    return Resolved(log2(lr.value), log2(lr.low), log2(lr.high))
