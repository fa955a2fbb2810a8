"""The optimum of every rung while a sweep is still running, for a search that sharpens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import log2

from mutransfer_cli.fit.fit import fit_line
from mutransfer_cli.fit.observation import observation_of
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.adaptive import Resolved
from mutransfer_cli.search.study import Record


def resolved(records: Sequence[Record]) -> Mapping[Size, Resolved]:
    """log2(lr) with its 95 % interval for each rung that has an optimum; noise is pooled."""
    kept = [r for r in records if r.outcome != "failed"]
    sizes = sorted({r.size for r in kept}, key=lambda s: (s.width, s.depth, s.batch, s.steps))
    if not sizes:
        return {}
    observations = [replace(observation_of(r, 0.0), width=1 + sizes.index(r.size)) for r in kept]
    found = {}
    for rung in fit_line(observations).rungs:
        lr = rung.optimum["lr"] if rung.optimum else None
        if lr is not None and lr.low is not None and lr.high is not None:
            found[sizes[rung.width - 1]] = Resolved(log2(lr.value), log2(lr.low), log2(lr.high))
    return found
