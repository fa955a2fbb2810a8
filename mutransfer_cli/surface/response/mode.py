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
RELAXATION = (0.3, 1.0)  # bounds of the part of a change of the noise that is taken
REVERSAL = 0.5  # cosine of the angle between two steps from which they are opposite
SAME_MODE = 1.0  # posterior standard deviations from a mode within which a fit ends in it
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
        lopsided: Whether the valley may be lopsided near the optimum alone.
        freedom: Degrees of freedom of the noise.
        residuals: What the surface leaves of each run, in standard deviations, shape (runs,).
    """

    theta: Array
    covariance: Array
    evidence: float
    noise: NoiseModel
    departure_sd: Array
    rho: float
    lopsided: bool
    freedom: float
    residuals: Array


def find_mode(
    problem: Problem,
    start: Array,
    noise: NoiseModel,
    rho: float,
    departure: float = DEPARTURE_SD,
    drift: float | Array = DRIFT_SD,
    lopsided: bool = False,
    known: Mode | None = None,
) -> Mode:
    """The mode next to a start.

    The noise is renewed together with the parameters. Its changes tend to alternate in sign, as
    runs and misfit take turns in explaining the same residuals, so that only a part of each is
    taken (`relaxed`).

    Args:
        problem: The runs.
        start: Parameters to start from, in the order of the layout.
        noise: The noise to start from.
        rho: Size of the misfit relative to the excess loss.
        departure: Expected departure of a rung's optimum from the line, in octaves.
        drift: Standard deviation of the drift, in octaves per octave.
        lopsided: Whether the valley may be lopsided near the optimum alone.
        known: A mode of the same problem: a fit that comes near it ends in it.
    """
    layout = problem.layout
    mean, sd = layout.prior(start, departure, drift, lopsided)
    theta, damping, moved = start, 1e-3, np.inf
    part = RELAXATION[1]
    before: Array | None = None
    last: Array | None = None
    for iteration in range(ITERATIONS):
        here = Linearization.at(problem, theta, noise, rho, mean, sd)
        if moved < CONVERGED:
            break
        step, damping = damped_step(here, damping)
        deviations = step / np.sqrt(np.diag(here.posterior))
        if reverses(deviations, last):
            step, deviations = step / 2, deviations / 2
        theta, last = theta + step, deviations
        if known is not None and is_near(theta, known):
            return known
        moved = float(np.max(np.abs(deviations)))
        if iteration:  # the first step is from a rough start: its residuals say little
            change = renewed_noise(here, step).logarithms - noise.logarithms
            part, before = relaxed(part, change, before), change
            moved = max(moved, float(np.max(np.abs(change[: layout.rungs]))) / 5)
            noise = noise.moved(part * change)
            sd = with_departures(here, theta, departure)
    return mode_at(here, rho, lopsided)


def relaxed(part: float, change: Array, before: Array | None) -> float:
    """The part of a change that is taken (Aitken's relaxation: Irons and Tuck 1969, equation 8).

    Args:
        part: The part of the change before that was taken.
        change: The change that a fixed-point step would make.
        before: The one before; None: there was none.
    """
    if before is None:
        return part
    bend = change - before
    square = float(bend @ bend)
    return float(np.clip(-part * (before @ bend) / square, *RELAXATION)) if square else part


def reverses(step: Array, last: Array | None) -> bool:
    """Whether a step goes back where the last one came from.

    The covariance depends on the parameters and is held during a step, so that full steps can
    alternate between two points.

    Args:
        step: The step in posterior standard deviations, shape (parameters,).
        last: The last one; None: there was none.
    """
    if last is None:
        return False
    product = float(step @ last)
    return product < 0 and product**2 > REVERSAL**2 * float((step @ step) * (last @ last))


def is_near(theta: Array, mode: Mode) -> bool:
    """Whether parameters are within `SAME_MODE` standard deviations of a mode."""
    deviations = np.abs(theta - mode.theta) / np.sqrt(np.diag(mode.covariance))
    return bool(np.max(deviations) < SAME_MODE)


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
        here.problem.rung, here.shape.excess, here.weighed(left), here.free_precision
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


def mode_at(here: Linearization, rho: float, lopsided: bool) -> Mode:
    """The normal approximation at a converged point.

    Args:
        here: The problem there.
        rho: Size of the misfit relative to the excess loss.
        lopsided: Whether the valley may be lopsided near the optimum alone.
    """
    layout = here.problem.layout
    precision = here.free_precision
    variance = here.noise.variance(here.problem.rung, here.shape.excess)
    return Mode(
        theta=here.theta,
        covariance=here.posterior,
        evidence=here.evidence,
        noise=here.noise,
        departure_sd=here.sd[layout.slices["departure"]].reshape(layout.rungs, -1)[0],
        rho=rho,
        lopsided=lopsided,
        freedom=float((variance * precision).sum()),
        residuals=here.weighed(here.residuals) / np.sqrt(precision),
    )
