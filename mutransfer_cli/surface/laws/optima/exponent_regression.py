"""Power laws of optima: log2 h* = c + Σ e_j·log2 s_j, with the scatter of a new size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.optima.exponent_priors import ExponentPrior

DRAWS = 4000
STUDENT = 4.0  # freedom of the departures' t distribution: one odd size does not turn the law
# The prior of the scatter: sizes depart from a power law by about this many octaves, which counts
# as much as so many sizes (assumption).
SCATTER, SCATTER_WEIGHT = 0.12, 3.0
BEND = 0.015  # sd of a law's curvature, octaves per octave² (measured on simulations)
SCATTERS = np.geomspace(0.01, 2.0, 40)
ROUNDS = 6


@dataclass(frozen=True)
class ExponentLaw:
    """A power law of one hyperparameter's optimum, as draws.

    Attributes:
        center: log2 of the sizes at which the level is quoted, shape (k,).
        low: Smallest log2 of each size, shape (k,).
        high: Largest log2 of each size, shape (k,).
        estimate: Level at the center and exponents, shape (1 + k,).
        draws: Draws of these, shape (DRAWS, 1 + k).
        scatters: Scatter of sizes about the law for each draw, octaves, shape (DRAWS,).
        residuals: Optima minus the law, octaves, shape (sizes,).
    """

    center: Array
    low: Array
    high: Array
    estimate: Array
    draws: Array
    scatters: Array
    residuals: Array

    def at(self, log2_sizes: Array, seed: int) -> tuple[float, Array]:
        """The optimum at a size in log2, and draws of it for a new size there.

        Scatter and distance are included: the law bends by an unknown amount beyond its sizes.

        Args:
            log2_sizes: Shape (k,).
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        x = np.concatenate([[1.0], log2_sizes - self.center])
        beyond = np.maximum(np.maximum(log2_sizes - self.high, self.low - log2_sizes), 0.0)
        span = self.high - self.low
        bend = float(np.linalg.norm(BEND * beyond * (beyond + span) / 2))
        count = len(self.draws)
        scatter = self.scatters * np.sqrt(STUDENT / rng.chisquare(STUDENT, count))
        new = scatter * rng.standard_normal(count) + bend * rng.standard_normal(count)
        return float(x @ self.estimate), self.draws @ x + new

    def constant(self, draws: Array) -> Array:
        """Logarithm (base 2) of the law's coefficient: its value where every size is 1."""
        return np.asarray(draws[..., 0] - draws[..., 1:] @ self.center)


def fit_exponents(
    log2_sizes: Array,
    optima: Array,
    variances: Array,
    priors: Sequence[ExponentPrior],
    seed: int,
) -> ExponentLaw:
    """Fit a power law, averaged over the scatter by its posterior.

    Args:
        log2_sizes: Shape (sizes, k).
        optima: log2 of the optimum, shape (sizes,).
        variances: Of the optima, octaves², shape (sizes,).
        priors: The prior of the exponent in each size.
        seed: Seed of the draws.
    """
    weight = 1 / (variances + SCATTER**2)
    center = weight @ log2_sizes / weight.sum()
    design = np.column_stack([np.ones(len(optima)), log2_sizes - center])
    known = np.array([[0.0, np.inf], *priors]).T
    fits = [_at_scatter(design, optima, variances, tau, known) for tau in SCATTERS]
    evidence = np.array([fit[2] for fit in fits])
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(SCATTERS), size=DRAWS, p=share)
    roots = [np.linalg.cholesky(fit[1]) for fit in fits]
    noise = rng.standard_normal((DRAWS, design.shape[1]))
    draws = np.stack([fits[i][0] + roots[i] @ z for i, z in zip(chosen, noise, strict=True)])
    estimate = np.asarray(share @ np.stack([fit[0] for fit in fits]))
    return ExponentLaw(
        center=center,
        low=log2_sizes.min(axis=0),
        high=log2_sizes.max(axis=0),
        estimate=estimate,
        draws=draws,
        scatters=SCATTERS[chosen],
        residuals=optima - design @ estimate,
    )


def _at_scatter(
    design: Array, optima: Array, variances: Array, scatter: float, known: Array
) -> tuple[Array, Array, float]:
    """Coefficients, their covariance and the log evidence at a given scatter."""
    mean, prior = known[0], np.diag(known[1] ** -2.0)
    variance = variances + scatter**2
    student = np.ones(len(optima))
    for _ in range(ROUNDS):
        weight = student / variance
        precision = design.T @ (design * weight[:, None]) + prior
        coefficients = np.linalg.solve(precision, design.T @ (weight * optima) + prior @ mean)
        residuals = optima - design @ coefficients
        student = (STUDENT + 1) / (STUDENT + residuals**2 / variance)
    # Student's t density of each departure, with the Laplace factor of the coefficients
    fit = -0.5 * (STUDENT + 1) * np.log1p(residuals**2 / (STUDENT * variance)).sum()
    fit -= 0.5 * np.log(variance).sum() + 0.5 * (coefficients - mean) @ prior @ (
        coefficients - mean
    )
    fit -= 0.5 * np.linalg.slogdet(precision)[1]
    # scaled inverse chi-square prior of the scatter, on a grid that is even in its logarithm
    fit -= SCATTER_WEIGHT * np.log(scatter) + SCATTER_WEIGHT * SCATTER**2 / (2 * scatter**2)
    return np.asarray(coefficients), np.asarray(np.linalg.inv(precision)), float(fit)
