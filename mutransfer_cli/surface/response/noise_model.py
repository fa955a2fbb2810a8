"""The noise of the response surface: its size at each rung, its growth off the optimum, outliers.

    variance of a run = (sigma_r^2 + omega^2 T^2) / (n w) + rho^2 T T' R + seed effects

Updates are those of restricted maximum likelihood with lost degrees of freedom counted (Harville
1977), shrunk by pseudo-observations; w are the weights of a Student t distribution, and n counts
the runs of which a loss is the mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mutransfer_cli.surface.response.runs import Array, Indices

FREEDOM = 5.0  # of the Student t distribution of the noise
RUNG_SHRINKAGE = 4.0  # pseudo-observations by which a rung's noise is drawn to the common one
USUAL = 0.001  # expected sd of the noise in log loss
USUAL_SHRINKAGE = 2.0  # pseudo-observations behind it
GROWTH = 0.08  # expected omega: noise off the optimum relative to the excess loss
GROWTH_SHRINKAGE = 4.0  # pseudo-observations behind it
SEED_EFFECT = 2.0  # sd of a seed's effect relative to the noise
SMALLEST = 1e-7  # sd of the noise


@dataclass(frozen=True)
class NoiseModel:
    """The parameters of the noise.

    Attributes:
        sigma: Standard deviation of one run at each rung, shape (rungs,).
        omega: Growth of the standard deviation with the excess loss.
        weights: Weight n w of each loss, shape (runs,).
        counts: n, the number of runs of which each loss is the mean, shape (runs,).
    """

    sigma: Array
    omega: float
    weights: Array
    counts: Array

    def variance(self, rung: Indices, excess: Array) -> Array:
        """Variance of each run's own noise, shape (runs,).

        Args:
            rung: Index of each run's rung, shape (runs,).
            excess: Loss of each run above its rung's level, shape (runs,).
        """
        own: Array = (self.sigma[rung] ** 2 + (self.omega * excess) ** 2) / self.weights
        return own

    @cached_property
    def logarithms(self) -> Array:
        """Logarithms of all parameters, shape (rungs + 1 + runs,)."""
        return np.asarray(np.log(np.concatenate([self.sigma, [self.omega], self.weights])))

    def moved(self, change: Array) -> NoiseModel:
        """The noise with other parameters.

        Args:
            change: What is added to `logarithms`.
        """
        rungs = len(self.sigma)
        values = np.exp(self.logarithms + change)
        return replace(
            self, sigma=values[:rungs], omega=float(values[rungs]), weights=values[rungs + 1 :]
        )

    def updated(self, rung: Indices, excess: Array, scaled: Array, precision: Array) -> NoiseModel:
        """One step of the fixed-point iteration for sigma, omega and the weights.

        Args:
            rung: Index of each run's rung, shape (runs,).
            excess: Loss of each run above its rung's level, shape (runs,).
            scaled: V^-1 times the residuals, shape (runs,).
            precision: Diagonal of V^-1 less the part that the parameters use up, shape (runs,).
        """
        rungs = len(self.sigma)
        fractions = self.sigma[rung] ** 2 / self.weights
        squares = np.bincount(rung, (fractions * scaled) ** 2 * self.weights, rungs)
        freedom = np.bincount(rung, fractions * precision, rungs)
        expected = squares.sum() + USUAL_SHRINKAGE * USUAL**2
        common = expected / (freedom.sum() + USUAL_SHRINKAGE)
        variance = (squares + RUNG_SHRINKAGE * common) / (freedom + RUNG_SHRINKAGE)
        growing = (self.omega * excess) ** 2 / self.weights
        grown = (growing * scaled**2).sum() * self.omega**2
        growth = (grown + GROWTH_SHRINKAGE * GROWTH**2) / (
            (growing * precision).sum() + GROWTH_SHRINKAGE
        )
        standardized = scaled**2 / precision
        weights = self.counts * (FREEDOM + 1) / (FREEDOM + standardized)
        return replace(
            self,
            sigma=np.maximum(np.sqrt(variance), SMALLEST),
            omega=float(np.sqrt(growth)),
            weights=weights,
        )
