"""The optimum of every rung while a sweep is still running, for a sampler that sharpens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log2

from mutransfer_cli.documents.fit import Rung
from mutransfer_cli.fit.fit_file import fit_line
from mutransfer_cli.surface.curve import curves_of
from mutransfer_cli.surface.loss_transform import scale_of
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.parabola import over

CONFIDENCE = 0.9  # of the interval that `search.precision` bounds

RungSize = tuple[int, int | None, int | None, int | None]  # width, depth, batch, steps


@dataclass(frozen=True, slots=True)
class RungOptimum:
    """log2 of a rung's best learning rate, with its interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """The longer arm of the interval, in octaves."""
        return max(self.high - self.value, self.value - self.low)


@dataclass(frozen=True, slots=True)
class RungFit:
    """What the trials so far show of one rung's loss curve.

    Attributes:
        optimum: None where it is not resolved.
        lack_of_fit: The loss is clearly not quadratic around the best rate, so that more seeds
            would not help.
        has_window: Whether there are enough rates around the best for a parabola.
    """

    optimum: RungOptimum | None
    lack_of_fit: bool = False
    has_window: bool = True


def rung_fits(observations: Sequence[Observation]) -> Mapping[RungSize, RungFit]:
    """The fit of each rung, with the noise pooled over all of them."""
    sizes = sorted({rung_size(o) for o in observations}, key=lambda s: tuple(v or 0 for v in s))
    if not sizes:
        return {}
    # each rung stands for a point on one axis
    numbered = [replace(o, width=1 + sizes.index(rung_size(o))) for o in observations]
    curves = curves_of(scale_of(numbered).of(numbered))
    fits = {}
    for rung in fit_line(numbered, confidence=CONFIDENCE).rungs:
        curve = curves[rung.width]
        window = curve.window() if curve is not None else None
        bent = curve is not None and window is not None and over(curve, window).bent
        fits[sizes[rung.width - 1]] = RungFit(rung_optimum(rung), bent, window is not None)
    return fits


def rung_size(observation: Observation) -> RungSize:
    """The sizes that make a rung."""
    return observation.width, observation.depth, observation.batch, observation.steps


def rung_optimum(rung: Rung) -> RungOptimum | None:
    """A rung's optimum on the log2 scale; None where it or its interval is unknown."""
    lr = rung.optimum["lr"] if rung.optimum else None
    if lr is None or lr.low is None or lr.high is None:
        return None
    return RungOptimum(log2(lr.value), log2(lr.low), log2(lr.high))
