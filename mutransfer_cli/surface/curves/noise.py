"""Noise of the losses, pooled over learning rates, seeds and rungs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scipy import special

SIGNIFICANCE = 0.05  # level of the F test for lack of fit


@dataclass(frozen=True, slots=True)
class SumOfSquares:
    """A sum of squares and its degrees of freedom."""

    value: float = 0.0
    degrees_of_freedom: int = 0

    @property
    def mean_square(self) -> float:
        """The sum divided by its degrees of freedom, which estimates the variance of a loss."""
        return self.value / self.degrees_of_freedom

    def __add__(self, other: SumOfSquares) -> SumOfSquares:
        """Pool two sums of squares."""
        return SumOfSquares(
            self.value + other.value, self.degrees_of_freedom + other.degrees_of_freedom
        )


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """Residuals of a parabola, split as in the classical test of lack of fit.

    Attributes:
        misfit: Residuals of the rates' means about the parabola.
        pure_error: Residuals of single runs about the means of their rates and the levels of their
            seeds.
    """

    misfit: SumOfSquares
    pure_error: SumOfSquares

    def __add__(self, other: LackOfFit) -> LackOfFit:
        """Pool the residuals of two parabolas."""
        return LackOfFit(self.misfit + other.misfit, self.pure_error + other.pure_error)

    @property
    def total(self) -> SumOfSquares:
        """All residuals."""
        return self.misfit + self.pure_error

    @property
    def significant(self) -> bool:
        """Whether an F test rejects that the means lie on a parabola; False if untestable."""
        misfit, error = self.misfit, self.pure_error
        if error.degrees_of_freedom == 0 or misfit.degrees_of_freedom == 0 or error.value <= 0:
            return False
        ratio = misfit.mean_square / error.mean_square
        tail = special.fdtrc(misfit.degrees_of_freedom, error.degrees_of_freedom, ratio)
        return float(tail) < SIGNIFICANCE


NO_RESIDUALS = LackOfFit(SumOfSquares(), SumOfSquares())


@dataclass(frozen=True, slots=True)
class Noise:
    """Variance of a loss about its seed's level.

    Attributes:
        variance: Variance, in squared units of the loss, or of its logarithm if that is fitted.
        degrees_of_freedom: Degrees of freedom of the variance estimate.
    """

    variance: float
    degrees_of_freedom: int

    def quantile(self, confidence: float) -> float:
        """Two-sided quantile of Student's t."""
        return float(special.stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2))


def pooled_noise(residuals: Iterable[LackOfFit]) -> Noise | None:
    """The noise, from the residuals of all parabolas; None if these go through every point.

    Misfit and pure error are pooled, unless an F test tells them apart: then the curves are not
    parabolas, and only the misfit, which is the larger of the two, is used.
    """
    pooled = sum(residuals, start=NO_RESIDUALS)
    if pooled.misfit.degrees_of_freedom == 0:
        return None
    used = pooled.misfit if pooled.significant else pooled.total
    return Noise(used.mean_square, used.degrees_of_freedom)
