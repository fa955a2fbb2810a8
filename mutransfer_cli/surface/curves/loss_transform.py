"""Chooses between losses and their logarithms: whichever is closer to a noisy parabola.

A language model's loss varies little near its optimum, so the choice hardly matters. A loss that
varies several times over, as in a small classification task, has noise and curvature in proportion
to itself.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from math import log as ln
from typing import Generic

import numpy as np

from mutransfer_cli.surface.curves.curve import Curve, RungKey, curves_of
from mutransfer_cli.surface.curves.noise import NO_RESIDUALS, pooled_noise
from mutransfer_cli.surface.curves.parabola import Parabola, parabola_of
from mutransfer_cli.surface.curves.seed_effects import Array
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LossTransform:
    """The quantity that is fitted: losses, or their natural logarithms."""

    logarithmic: bool

    def apply(self, observations: Sequence[Observation]) -> list[Observation]:
        """The observations with their losses transformed."""
        if not self.logarithmic:
            return list(observations)
        return [o if o.loss is None else replace(o, loss=ln(o.loss)) for o in observations]

    def loss(self, value: float) -> float:
        """The loss that corresponds to a transformed value."""
        return float(np.exp(value)) if self.logarithmic else float(value)

    def standard_deviation(self, value: float, parabolas: Collection[Parabola]) -> float:
        """Convert a standard deviation to units of the loss, at the geometric mean of the windows.

        Args:
            value: The standard deviation of transformed losses.
            parabolas: The parabolas whose windows are averaged.
        """
        if not self.logarithmic:
            return value
        return value * float(np.exp(np.concatenate([p.runs.loss for p in parabolas]).mean()))

    def relative_excess(self, value: Array | float, lowest: Array | float) -> Array:
        """The relative excess of one loss over another: their ratio minus 1.

        Args:
            value: A transformed loss.
            lowest: The transformed loss to compare it with.
        """
        if self.logarithmic:
            return np.asarray(np.expm1(np.asarray(value) - lowest))
        return np.asarray(np.asarray(value) / lowest - 1)


@dataclass(frozen=True, slots=True)
class TransformedCurves(Generic[RungKey]):
    """The curves of a ladder's rungs after a transform, with the parabolas through their windows.

    Attributes:
        transform: The transform of the losses.
        curves: The curve of each rung, small to large; None if no rate finished there.
        parabolas: The parabola of each rung whose curve has a window.
    """

    transform: LossTransform
    curves: dict[RungKey, Curve | None]
    parabolas: dict[RungKey, Parabola]

    @property
    def residual_variance(self) -> float:
        """Variance of a loss about the parabolas; infinite if there are no residuals."""
        residuals = [p.lack_of_fit for p in self.parabolas.values()]
        if pooled_noise(residuals) is None:
            return inf
        variance = sum(residuals, start=NO_RESIDUALS).total.mean_square
        return self.transform.standard_deviation(variance**0.5, self.parabolas.values()) ** 2


def transformed_curves(
    rungs: Mapping[RungKey, Sequence[Observation]],
) -> TransformedCurves[RungKey]:
    """Curves and parabolas after the likelier of the two transforms (Box and Cox 1964).

    The likelier transform is the one whose parabolas leave smaller residuals, in units of the loss.

    Args:
        rungs: The observations of each rung, small to large.
    """
    plain = curves_after(LossTransform(logarithmic=False), rungs)
    if any(o.loss is not None and o.loss <= 0 for runs in rungs.values() for o in runs):
        return plain
    logarithmic = curves_after(LossTransform(logarithmic=True), rungs)
    variances = logarithmic.residual_variance, plain.residual_variance
    log.debug("variance about the parabolas: %.4g on logarithms, %.4g on losses", *variances)
    return logarithmic if variances[0] < variances[1] else plain


def curves_after(
    transform: LossTransform, rungs: Mapping[RungKey, Sequence[Observation]]
) -> TransformedCurves[RungKey]:
    """Curves and parabolas after a given transform."""
    curves = curves_of({rung: transform.apply(runs) for rung, runs in rungs.items()})
    parabolas = {
        rung: parabola
        for rung, curve in curves.items()
        if curve is not None and (parabola := parabola_of(curve)) is not None
    }
    return TransformedCurves(transform, curves, parabolas)
