"""Fits loss = E + Σ_j A_j·s_j^−α_j, for one size or several: the core of laws of the loss.

Parameters in the search: log of each term at the geometric mean of its size, the exponents, and
log E last (absent where E is fixed). Centring the sizes leaves the law as it is and makes the
search well conditioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from mutransfer_cli.surface.laws.bootstrap import Refits, resampled_residuals, resampled_weights
from mutransfer_cli.surface.laws.law_form import Array, Indices, LawOptions
from mutransfer_cli.surface.laws.loss.batched_bfgs import Objective, minimize
from mutransfer_cli.surface.laws.loss.objective import huber, softmax_terms

# starts of Hoffmann et al. 2022 (arXiv 2203.15556), D.3: log A_j, α_j, log E
LOG_FACTORS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
EXPONENTS = (0.0, 0.5, 1.0, 1.5, 2.0)
LOG_FLOORS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEARCHED = 250  # best starts of the grid, from which searches are made
PAIRS_FROM = 5  # rows for each parameter, from which rows are resampled instead of residuals
LARGEST_LOG = 700.0  # of a factor A_j, against overflow
MOST_EXPONENT = 60.0  # a term's logarithm is kept below this beyond the data, against overflow


@dataclass(frozen=True)
class PowerSum:
    """A fitted sum of powers.

    Attributes:
        center: Mean logarithm of each size, shape (k,).
        floor: E where it is fixed, 0 for a law without it; None where it was fitted.
        estimate: Parameters as searched, shape (p,).
        refits: The bootstrap.
        residuals: log loss minus the law, shape (rows,).
        objective: Sum of Huber losses at the estimate.
    """

    center: Array
    floor: float | None
    estimate: Array
    refits: Refits
    residuals: Array
    objective: float

    def log_loss(self, log_sizes: Array, parameters: Array) -> Array:
        """Logarithm of the law.

        Args:
            log_sizes: Shape (rows, k).
            parameters: Shape (draws, p).

        Returns:
            Shape (draws, rows).
        """
        terms = power_terms(log_sizes - self.center, parameters, self.floor)
        return softmax_terms(terms)[0]

    def natural(self, parameters: Array) -> tuple[Array, Array, Array]:
        """E, the factors A_j and the exponents α_j of parameters as searched."""
        k = len(self.center)
        exponents = parameters[..., k : 2 * k]
        factors = np.exp(np.minimum(parameters[..., :k] + exponents * self.center, LARGEST_LOG))
        last = parameters[..., -1]
        floor = np.exp(last) if self.floor is None else np.full_like(last, self.floor)
        return floor, factors, exponents


def power_terms(log_sizes: Array, parameters: Array, floor: float | None) -> list[Array]:
    """Logarithms of the terms, each of shape (draws, rows).

    Args:
        log_sizes: Centred logarithms of the sizes, shape (rows, k).
        parameters: Shape (draws, p).
        floor: E where it is fixed; None where the last parameter is log E.
    """
    k = log_sizes.shape[1]
    terms = [parameters[:, [j]] - parameters[:, [k + j]] * log_sizes[:, j] for j in range(k)]
    if floor is None:
        terms.append(np.broadcast_to(parameters[:, [-1]], terms[0].shape))
    elif floor > 0:
        terms.append(np.full(terms[0].shape, np.log(floor)))
    return [np.minimum(term, MOST_EXPONENT) for term in terms]


def objective_of(
    log_sizes: Array, targets: Array, weights: Array, floor: float | None
) -> Objective:
    """The sum of Huber losses, with its gradient.

    Args:
        log_sizes: Centred, shape (rows, k).
        targets: log loss, shape (problems, rows), or (1, rows) for all problems.
        weights: Weight of each row, shape (problems, rows), or (1, rows) for all problems.
        floor: E where it is fixed; None where it is fitted.
    """
    k = log_sizes.shape[1]

    def evaluate(parameters: Array, problems: Indices) -> tuple[Array, Array]:
        target = targets[problems] if len(targets) > 1 else targets
        weight = weights[problems] if len(weights) > 1 else weights
        prediction, shares = softmax_terms(power_terms(log_sizes, parameters, floor))
        values, slopes = huber(prediction - target)
        slopes = slopes * weight
        gradient = np.empty_like(parameters)
        for j in range(k):
            part = slopes * shares[j]
            gradient[:, j] = part.sum(axis=1)
            gradient[:, k + j] = -(part @ log_sizes[:, j])
        if floor is None:
            gradient[:, -1] = (slopes * shares[k]).sum(axis=1)
        return (values * weight).sum(axis=1), gradient

    return evaluate


def starts(center: Array, floor: float | None) -> Array:
    """The published grid of starts, in centred parameters."""
    k = len(center)
    floors = (LOG_FLOORS,) if floor is None else ()
    grid = np.array(list(product(*[LOG_FACTORS] * k, *[EXPONENTS] * k, *floors)))
    grid[:, :k] -= grid[:, k : 2 * k] * center
    return grid


def fit_power_sum(
    log_sizes: Array,
    log_loss: Array,
    options: LawOptions,
    *,
    floor: float | None = None,
    searched: int = SEARCHED,
    errors: Array | None = None,
) -> PowerSum:
    """Fit the law from many starts, then refit it to resamples from the estimate.

    Where there are few rows, residuals are resampled instead of rows: a resample of few rows often
    lacks the sizes that determine the law.

    Args:
        log_sizes: Shape (rows, k).
        log_loss: Shape (rows,).
        options: Number of refits and their seed.
        floor: E where it is fixed, 0 for a law without it; None to fit it.
        searched: From how many of the starts, the best ones, a search is made.
        errors: Errors of the log losses for each refit, shape (resamples, rows); None to resample.
    """
    center = log_sizes.mean(axis=0)
    centred, one = log_sizes - center, np.ones((1, len(log_loss)))
    objective = objective_of(centred, log_loss[None], one, floor)
    grid = starts(center, floor)
    values = np.concatenate(
        [objective(part, np.arange(len(part)))[0] for part in np.array_split(grid, 20)]
    )
    minima = minimize(objective, grid[np.argsort(values)[:searched]])
    best = int(np.argmin(minima.values))
    estimate = minima.parameters[best]
    fitted = softmax_terms(power_terms(centred, estimate[None], floor))[0][0]
    if errors is not None:
        targets, weights = fitted + errors, one
    elif len(log_loss) >= PAIRS_FROM * len(estimate):
        targets, weights = log_loss[None], resampled_weights(len(log_loss), options)
    else:
        targets = fitted + resampled_residuals(log_loss - fitted, len(estimate), options)
        weights = one
    refit = minimize(
        objective_of(centred, targets, weights, floor),
        np.repeat(estimate[None], options.resamples, axis=0),
    )
    refits = Refits(refit.parameters[refit.converged], int((~refit.converged).sum()))
    return PowerSum(center, floor, estimate, refits, log_loss - fitted, float(minima.values[best]))
