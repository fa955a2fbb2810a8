"""The most probable surface: damped Gauss-Newton steps, with the covariance renewed on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from mutransfer_cli.surface.response.layout import DEPARTURE_SD, DRIFT_SD
from mutransfer_cli.surface.response.linearization import Linearization, Problem
from mutransfer_cli.surface.response.noise_model import NoiseModel
from mutransfer_cli.surface.response.runs import Array

ITERATIONS = 40
CONVERGED = 0.02  # largest step in posterior standard deviations
LARGEST_STEP = 3.0  # in prior standard deviations, these counted as at most `WIDEST_PRIOR`
WIDEST_PRIOR = 5.0
DAMPING_TRIES = 8
DEPARTURE_SHRINKAGE = 6.0  # pseudo-observations behind the prior of departures from the line


@dataclass(frozen=True)
class Mode:
    """A mode of the posterior, and its normal approximation.

    Attributes:
        theta: The parameters, in the order of the layout.
        covariance: Their covariance.
        evidence: Log of the marginal likelihood up to a constant.
        noise: The noise.
        departure_sd: Standard deviation of a rung's departure from the line, in octaves, shape
            (hyperparameters,).
        rho: Size of the misfit relative to the excess loss.
        freedom: Degrees of freedom of the noise.
        residuals: What the surface leaves of each run, in standard deviations, shape (runs,).
    """

    theta: Array
    covariance: Array
    evidence: float
    noise: NoiseModel
    departure_sd: Array
    rho: float
    freedom: float
    residuals: Array


def find_mode(
    problem: Problem,
    start: Array,
    noise: NoiseModel,
    rho: float,
    departure: float = DEPARTURE_SD,
    drift: float | Array = DRIFT_SD,
) -> Mode:
    """The mode next to a start.

    Args:
        problem: The runs.
        start: Parameters to start from, in the order of the layout.
        noise: The noise to start from.
        rho: Size of the misfit relative to the excess loss.
        departure: Expected departure of a rung's optimum from the line, in octaves.
        drift: Standard deviation of the drift, in octaves per octave.
    """
    mean, sd = problem.layout.prior(start, departure, drift)
    theta, damping, moved = start, 1e-3, np.inf
    for iteration in range(ITERATIONS):
        here = Linearization.at(problem, theta, noise, rho, mean, sd)
        if moved < CONVERGED:
            break
        step, damping = damped_step(here, damping)
        theta = theta + step
        moved = float(np.max(np.abs(step) / np.sqrt(np.diag(here.posterior))))
        if iteration:  # the first step is from a rough start: its residuals say little
            renewed = renewed_noise(here, step)
            change = float(np.max(np.abs(np.log(renewed.sigma / noise.sigma))))
            moved, noise = max(moved, change / 5), renewed
            sd = with_departures(here, theta, departure)
    return mode_at(here, rho)


def damped_step(here: Linearization, damping: float) -> tuple[Array, float]:
    """A step that lowers the cost, and the damping for the next one (Levenberg and Marquardt).

    Args:
        here: The problem at the present parameters.
        damping: Factor of the Hessian's diagonal that is added to it.
    """
    scale = np.minimum(here.sd, WIDEST_PRIOR)
    for _ in range(DAMPING_TRIES):
        damped = here.hessian + damping * np.diag(np.diag(here.hessian))
        step = cho_solve(cho_factor(damped, lower=True), here.descent)
        step = step / max(1.0, np.max(np.abs(step) / scale) / LARGEST_STEP)
        if here.cost_at(here.theta + step) <= here.cost + 1e-9:
            return step, max(damping / 5, 1e-6)
        damping = min(damping * 8, 1e6)
    return np.zeros_like(step), damping


def renewed_noise(here: Linearization, step: Array) -> NoiseModel:
    """The noise after a step.

    Args:
        here: The problem before the step.
        step: Change of the parameters.
    """
    left = here.residuals - here.shape.gradient @ step
    return here.noise.updated(
        here.problem.rung, here.shape.excess, here.precision @ left, here.free_precision()
    )


def with_departures(here: Linearization, theta: Array, departure: float) -> Array:
    """The prior's standard deviations, with those of the departures from the line renewed.

    A ladder whose optima are clearly not on a line gets a wider prior (expectation maximization
    with `DEPARTURE_SHRINKAGE` pseudo-observations of the usual size).

    Args:
        here: The problem before the last step.
        theta: The parameters after it.
        departure: Expected departure of a rung's optimum from the line, in octaves.
    """
    layout = here.problem.layout
    at = layout.slices["departure"]
    squares = theta[at] ** 2 + np.diag(here.posterior)[at]
    total = squares.reshape(layout.rungs, -1).sum(0) + DEPARTURE_SHRINKAGE * departure**2
    renewed = here.sd.copy()
    renewed[at] = np.tile(np.sqrt(total / (layout.rungs + DEPARTURE_SHRINKAGE)), layout.rungs)
    return renewed


def mode_at(here: Linearization, rho: float) -> Mode:
    """The normal approximation at a converged point.

    Args:
        here: The problem there.
        rho: Size of the misfit relative to the excess loss.
    """
    layout = here.problem.layout
    precision = here.free_precision()
    variance = here.noise.variance(here.problem.rung, here.shape.excess)
    return Mode(
        theta=here.theta,
        covariance=here.posterior,
        evidence=here.evidence,
        noise=here.noise,
        departure_sd=here.sd[layout.slices["departure"]].reshape(layout.rungs, -1)[0],
        rho=rho,
        freedom=float((variance * precision).sum()),
        residuals=here.precision @ here.residuals / np.sqrt(precision),
    )
