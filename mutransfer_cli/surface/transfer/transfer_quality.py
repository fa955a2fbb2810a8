"""Three numbers for the quality of a transfer: fit error, robustness, asymptotic penalty.

Kalra and Barkeshli (arXiv 2605.21486) name them E, kappa and R(inf): the error of the fit of the
hyperparameters' scaling law, the robustness to errors of its extrapolation, and the loss penalty
that remains at large sizes. The formulas here are ours, for the response surface (derived):

    E       root of the sum over rungs of (log2 h*_r - line_r)^2 / (rungs - parameters of the line)
    kappa   d log2 a / d log2 n: an error of a given factor costs n^kappa times as much
    R(inf)  T(a/2 |L' phi(h*_0 - h*_inf)|^2): what the smallest rung's optimum costs in the limit

with h*_r the optimum of rung r, a its curvature, and line_r the power law h* = c prod n_k^B_k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    excess_at,
    interval,
)
from mutransfer_cli.surface.response.runs import Array
from mutransfer_cli.surface.transfer.ladder_path import LadderPath, ladder_path, slopes

# Exponents of n with which an optimum can approach its limit: corrections of order 1/n (Bordelon,
# arXiv 2502.02531) or 1/sqrt(n); draws use each by how well it fits.
APPROACH = (1.0, 0.5)
SEED = 13
CLEARLY = 2.0  # chi squared by which one law has to fit better than the other


@dataclass(frozen=True)
class Finding:
    """Draws of one number, or the reason why there are none.

    Attributes:
        draws: Shape (draws,); None where the runs do not determine the number.
        reason: Why there are none.
    """

    draws: Array | None
    reason: str | None = None


def fit_error(surface: ResponseSurface, hyperparameter: int) -> Finding:
    """E of one hyperparameter, in octaves.

    Args:
        surface: The surface.
        hyperparameter: Its index.
    """
    rungs = surface.rungs
    design = np.hstack([np.ones((len(rungs), 1)), rungs - rungs.mean(0)])
    rank = int(np.linalg.matrix_rank(design, tol=1e-6))
    if len(rungs) <= rank:
        return Finding(
            None,
            f"a power law passes through {len(rungs)} rungs exactly; it needs {rank + 1} rungs",
        )
    optima = np.stack([surface.at(size).optimum[:, hyperparameter] for size in rungs], axis=1)
    left = optima - optima @ np.linalg.pinv(design).T @ design.T
    return Finding(np.sqrt((left**2).sum(1) / (len(rungs) - rank)))


def robustness(surface: ResponseSurface, order: Sequence[int]) -> Finding:
    """Kappa: octaves of the cost of an error per octave of size.

    Args:
        surface: The surface.
        order: Indices of all rungs, from the cheapest trial to the most expensive.
    """
    path = ladder_path(surface, order)
    if len(path.rungs) < 2:
        return Finding(None, "one rung does not show how the cost of an error changes with size")
    factors = np.stack([surface.at(surface.rungs[r]).curvature for r in path.rungs], axis=1)
    return Finding(slopes(path.octaves, np.log2(factors)))


def asymptotic_penalty(
    surface: ResponseSurface, order: Sequence[int], confidence: float
) -> Finding:
    """R(inf) of using the smallest rung's optimum, in units of the fit.

    It is finite only if the optimum approaches a limit, h* = h_inf + c n^-1 (or n^-1/2), rather
    than following a power law of the size.

    Args:
        surface: The surface.
        order: Indices of all rungs, from the cheapest trial to the most expensive.
        confidence: Confidence level at which a drift counts as shown, between 0 and 1.
    """
    path = ladder_path(surface, order)
    if len(path.rungs) < 3:
        return Finding(None, "a limit of the optimum needs three rungs of growing size")
    if any(
        _excludes_zero(slopes(path.octaves, path.optima[:, :, j]), confidence)
        for j in range(path.optima.shape[2])
    ):
        line = np.stack([np.ones(len(path.octaves)), path.octaves], axis=1)
        laws = [line, *(_limit_design(path, exponent) for exponent in APPROACH)]
        chi_squared = _chi_squares(surface, path, laws)
        advantage = float(chi_squared[0] - chi_squared[1:].min())
        if advantage < -CLEARLY:
            return Finding(None, "the optimum follows a power law of the size: the penalty grows")
        if advantage < CLEARLY:
            return Finding(
                None, "the optimum drifts, and the rungs do not show whether it approaches a limit"
            )
    chi_squared = _chi_squares(surface, path, [_limit_design(path, e) for e in APPROACH])
    weights = np.exp(-(chi_squared - chi_squared.min()) / 2)
    rng = np.random.default_rng(SEED)
    uses = rng.choice(len(APPROACH), size=len(path.optima), p=weights / weights.sum())
    limit = np.empty_like(path.optima[:, 0])
    for number, exponent in enumerate(APPROACH):
        rows = uses == number
        inverse = np.linalg.pinv(_limit_design(path, exponent))
        limit[rows] = np.einsum("r,drj->dj", inverse[0], path.optima[rows])
    largest = surface.at(surface.rungs[path.rungs[-1]])
    at_limit = replace(largest, optimum=limit, rung=None)
    return Finding(excess_at(surface.draws, at_limit, path.optima[:, 0]))


def _limit_design(path: LadderPath, exponent: float) -> Array:
    """Columns 1 and n^-exponent of the law h_inf + c n^-exponent, shape (rungs, 2)."""
    return np.stack([np.ones(len(path.octaves)), 2.0 ** (-exponent * path.octaves)], axis=1)


def _chi_squares(surface: ResponseSurface, path: LadderPath, designs: Sequence[Array]) -> Array:
    """Chi squared of laws of the optimum, summed over the hyperparameters, shape (laws,).

    Args:
        surface: The surface.
        path: Its path of rungs.
        designs: The columns of each law, shape (rungs, parameters).
    """
    total = np.zeros(len(designs))
    for j in range(path.optima.shape[2]):
        draws = path.optima[:, :, j]
        scatter = float(np.median(surface.draws.departure_sd[:, j])) ** 2
        covariance = np.atleast_2d(np.cov(draws.T)) + scatter * np.eye(draws.shape[1])
        precision = np.asarray(np.linalg.inv(covariance))
        middle = np.median(draws, axis=0)
        total += [_chi_squared(middle, design, precision) for design in designs]
    return total


def _chi_squared(y: Array, design: Array, precision: Array) -> float:
    """What a linear law leaves of y, in units of its covariance."""
    normal = design.T @ precision @ design
    left = y - design @ np.linalg.solve(normal, design.T @ precision @ y)
    return float(left @ precision @ left)


def _excludes_zero(draws: Array, confidence: float) -> bool:
    found = interval(draws, confidence)
    return found.low is not None and found.high is not None and not found.low <= 0 <= found.high
