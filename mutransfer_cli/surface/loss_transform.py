"""Losses as they are, or their logarithms: whichever is more nearly a parabola with even noise.

A language model's loss varies by little near its optimum, and it hardly matters; one that varies
several times over, as of a small classification, has noise and curvature in proportion to itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, log

import numpy as np

from mutransfer_cli.surface.curve import curves_of
from mutransfer_cli.surface.noise import noise_of
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.parabola import Parabola, parabola_of
from mutransfer_cli.surface.seed_effects import Array


@dataclass(frozen=True)
class Scale:
    """Of the numbers that are fitted."""

    logarithmic: bool

    def of(self, observations: Sequence[Observation]) -> list[Observation]:
        if not self.logarithmic:
            return list(observations)
        return [o if o.loss is None else replace(o, loss=log(o.loss)) for o in observations]

    def loss(self, value: float) -> float:
        return float(np.exp(value)) if self.logarithmic else float(value)

    def spread(self, noise: float, parabolas: Sequence[Parabola]) -> float:
        """A standard deviation in units of the loss, at the geometric mean of the windows."""
        if not self.logarithmic:
            return noise
        return noise * float(np.exp(np.concatenate([p.runs.loss for p in parabolas]).mean()))

    def excess(self, value: Array | float, lowest: Array | float) -> Array:
        """Of one loss over another, relative to it."""
        if self.logarithmic:
            return np.asarray(np.expm1(np.asarray(value) - lowest))
        return np.asarray(np.asarray(value) / lowest - 1)


def scale_of(observations: Sequence[Observation]) -> Scale:
    """The likelier of the two (Box and Cox 1964), by what the parabolas leave."""
    plain, logarithmic = Scale(False), Scale(True)
    if any(o.loss is not None and o.loss <= 0 for o in observations):
        return plain
    return logarithmic if left(observations, logarithmic) < left(observations, plain) else plain


def left(observations: Sequence[Observation], scale: Scale) -> float:
    """Variance about the parabolas, in units of the loss; without end where there are none."""
    curves = curves_of(scale.of(observations)).values()
    found = [p for c in curves if c is not None and (p := parabola_of(c)) is not None]
    noise = noise_of(found)
    if noise is None:
        return inf
    squares = sum(p.lack.misfit + p.lack.pure for p in found)
    freedom = sum(p.lack.misfit_freedom + p.lack.pure_freedom for p in found)
    return scale.spread((squares / freedom) ** 0.5, found) ** 2
