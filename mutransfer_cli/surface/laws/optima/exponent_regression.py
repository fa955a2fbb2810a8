"""Power laws of optima: log2 h* = c + Σ e_j·log2 s_j, with the scatter of a new size.

A law may bend: Σ b_jk·log2 s_j·log2 s_k/2 beside the line, of which the sizes show how much. The
exponents are those of the power law that is nearest to the optima; predictions follow the bend
where it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from mutransfer_cli.surface.bends import BentLine, pairs
from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.optima.exponent_priors import ExponentPrior

DRAWS = 4000
STUDENT = 4.0  # freedom of the departures' t distribution: one odd size does not turn the law
# The prior of the scatter: sizes depart from a power law by about this many octaves, which counts
# as much as so many sizes (assumption).
SCATTER, SCATTER_WEIGHT = 0.12, 3.0
SCATTERS = np.geomspace(0.01, 2.0, 40)
ROUNDS = 6
# Percentiles of a prediction's draws. Narrower ones are not better on simulations, and follow bends
# that are none.
MIDDLE = (25.0, 75.0)
CLEAR = 2.6  # standard deviations of a bend: 1 % of normal ones are as far from none


@dataclass(frozen=True)
class ExponentLaw:
    """A power law of one hyperparameter's optimum, as draws.

    Attributes:
        line: The terms of the law.
        low: Smallest log2 of each size, shape (k,).
        high: Largest log2 of each size, shape (k,).
        estimate: Level at the center, exponents and bends, shape (1 + k + bends,).
        draws: Draws of these, shape (DRAWS, 1 + k + bends).
        scatters: Scatter of sizes about the law for each draw, octaves, shape (DRAWS,).
        residuals: Optima minus the law, octaves, shape (sizes,).
    """

    line: BentLine
    low: Array
    high: Array
    estimate: Array
    draws: Array
    scatters: Array
    residuals: Array

    def at(self, log2_sizes: Array, seed: int) -> tuple[float, Array]:
        """The optimum at a size in log2, and draws of it for a new size there.

        The value is that of the power law, moved as little as leaves it among the middle draws
        (`MIDDLE`), which hold scatter and bend.

        Args:
            log2_sizes: Shape (k,).
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        x = self.line.terms(log2_sizes[None, :])[0]
        count = len(self.draws)
        scatter = self.scatters * np.sqrt(STUDENT / rng.chisquare(STUDENT, count))
        draws = self.draws @ x + scatter * rng.standard_normal(count)
        straight = float(x[: 1 + self.sizes] @ self.estimate[: 1 + self.sizes])
        return float(np.clip(straight, *np.percentile(draws, MIDDLE))), draws

    @property
    def sizes(self) -> int:
        """The number of sizes."""
        return len(self.low)

    def clear_bends(self) -> list[tuple[int, int, float]]:
        """Where the optima clearly depart from a power law.

        Returns:
            For each pair of sizes (or one twice): the first, the second, and the change of the
            exponent in the first per octave of the second.
        """
        bends = self.draws[:, 1 + self.sizes :]
        ratio = bends.mean(axis=0) / bends.std(axis=0)
        found = zip(pairs(range(self.sizes)), bends.mean(axis=0), ratio, strict=True)
        return [(i, j, float(bend)) for (i, j), bend, clear in found if abs(clear) > CLEAR]

    def bend_notes(self, quantity: str, sizes: Sequence[str]) -> list[str]:
        """Says which exponents of a quantity's optimum clearly change with the size."""
        return [
            f"the exponent of {quantity} in {sizes[i]} changes by {bend:+.2g} per doubling of "
            f"{sizes[j]}, which predictions beyond the sizes follow"
            for i, j, bend in self.clear_bends()
        ]

    def constant(self, draws: Array) -> Array:
        """Logarithm (base 2) of the law's coefficient: its value where every size is 1."""
        exponents = draws[..., 1 : 1 + self.sizes]
        return np.asarray(draws[..., 0] - exponents @ self.line.center)


def fit_exponents(
    log2_sizes: Array,
    optima: Array,
    variances: Array,
    priors: Sequence[ExponentPrior],
    seed: int,
    *,
    shared: float = 0.0,
) -> ExponentLaw:
    """Fit a power law, averaged over the scatter by its posterior.

    Args:
        log2_sizes: Shape (sizes, k).
        optima: log2 of the optimum, shape (sizes,).
        variances: Of the optima, octaves², shape (sizes,).
        priors: The prior of the exponent in each size.
        seed: Seed of the draws.
        shared: Standard deviation of an error that all optima share, octaves: it moves the law,
            and no exponent.
    """
    line = BentLine.of(log2_sizes, 1 / (variances + SCATTER**2))
    design = line.terms(log2_sizes)
    bends = [(0.0, sqrt(a.bend * b.bend)) for a, b in pairs(priors)]
    known = np.array([(0.0, np.inf), *[(prior.mean, prior.sd) for prior in priors], *bends]).T
    fits = [_at_scatter(design, optima, variances, tau, known) for tau in SCATTERS]
    evidence = np.array([fit[2] for fit in fits])
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(SCATTERS), size=DRAWS, p=share)
    roots = [np.linalg.cholesky(fit[1]) for fit in fits]
    noise = rng.standard_normal((DRAWS, design.shape[1]))
    draws = np.stack([fits[i][0] + roots[i] @ z for i, z in zip(chosen, noise, strict=True)])
    draws[:, 0] += shared * rng.standard_normal(DRAWS)
    estimate = np.asarray(share @ np.stack([fit[0] for fit in fits]))
    return ExponentLaw(
        line=line,
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
