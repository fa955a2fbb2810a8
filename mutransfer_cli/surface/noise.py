"""Noise of the losses, pooled over rates, seeds and rungs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from mutransfer_cli.surface.parabola import Parabola, unlikely


@dataclass(frozen=True)
class Noise:
    """Variance of a loss, its seed's level apart, and its degrees of freedom."""

    variance: float
    freedom: int

    def quantile(self, confidence: float) -> float:
        """Two-sided, of Student's t."""
        return float(special.stdtrit(self.freedom, 0.5 + confidence / 2))


def noise_of(parabolas: Sequence[Parabola]) -> Noise | None:
    """Of what the parabolas leave; None where they go through every point.

    Lack of fit: what a parabola leaves of its rates' means. Pure error: what the rates' means and
    the seeds' levels leave of the runs. Both together, unless an F test tells them apart: a true
    curve is no parabola, and then the first counts alone. Without seeds there is only that.
    """
    lack = [p.lack for p in parabolas]
    misfit, misfit_freedom = sum(x.misfit for x in lack), sum(x.misfit_freedom for x in lack)
    pure, pure_freedom = sum(x.pure for x in lack), sum(x.pure_freedom for x in lack)
    if misfit_freedom == 0:
        return None
    if pure_freedom and unlikely(misfit, misfit_freedom, pure, pure_freedom):
        return Noise(misfit / misfit_freedom, misfit_freedom)
    freedom = misfit_freedom + pure_freedom
    return Noise((misfit + pure) / freedom, freedom)
