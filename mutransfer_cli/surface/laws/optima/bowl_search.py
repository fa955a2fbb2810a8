"""The search for bowls of one shape through the runs of all sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.surface.laws.law_form import Array, Indices
from mutransfer_cli.surface.laws.optima.bowl import Shape, excess, exponents

ROUNDS = 40
SETTLED = 2e-3  # largest step of any parameter at the end
STUDENT = 5.0  # freedom of the residuals' t distribution
# Standard deviations of the priors, octaves and natural logarithms.
CURVATURE_SD, SKEW_SD, CORRELATION_SD, FLAT_SD, OPTIMUM_SD = 0.35, 0.3, 0.7, 1.5, 3.0
MISFIT, MISFIT_WEIGHT = 0.08, 8.0  # relative error of the shape, and runs that this is worth
LEAST_NOISE = 1e-5
TERM_SDS = {3: 0.3, 4: 0.15}  # of the terms of P by their degree
NOISE_WEIGHT = 4.0  # runs that the common noise is worth against a size's own


@dataclass(frozen=True)
class BowlState:
    """Parameters of the search: per size, and shared."""

    levels: Array
    optima: Array
    curvatures: Array
    shape: Shape

    def moved(self, step: Array) -> BowlState:
        """The state after a step in all parameters: those of each size, then the shape's."""
        count, p = self.optima.shape
        own = step[: count * (p + 2)].reshape(count, p + 2)
        return BowlState(
            self.levels + own[:, 0],
            self.optima + own[:, 1 : p + 1],
            self.curvatures + own[:, -1],
            self.shape.with_vector(self.shape.vector + step[count * (p + 2) :]),
        )


class BowlProblem:
    """All runs, with what the search needs of them."""

    def __init__(
        self, settings: Array, log_loss: Array, size: Indices, start: BowlState | None = None
    ) -> None:
        self.settings, self.log_loss, self.size = settings, log_loss, size
        self.count, self.p = int(size.max()) + 1, settings.shape[1]
        self.start = start or self._start()
        self.sigma = np.full(self.count, 0.01)
        self.omega = MISFIT

    def _start(self) -> BowlState:
        levels = np.zeros(self.count)
        optima = np.zeros((self.count, self.p))
        for r in range(self.count):
            own = np.flatnonzero(self.size == r)
            best = own[np.argsort(self.log_loss[own])]
            levels[r] = self.log_loss[best[0]]
            optima[r] = self.settings[best[: max(1, round(0.1 * len(own)))]].mean(axis=0)
        rise = self.log_loss - levels[self.size]
        squares = ((self.settings - optima[self.size]) ** 2).sum(axis=1)
        near = (squares > 0) & (rise > 0) & (squares < 9.0)
        curvature = np.median(2 * rise[near] / squares[near]) if near.any() else 0.02
        root = np.diag(np.full(self.p, 0.5 * np.log(max(curvature, 1e-6))))
        flat = np.log(max(float(np.percentile(rise, 90)), 0.05) * 2)
        shape = Shape(root, np.zeros(self.p), float(flat), np.zeros(0), 1.0)
        return BowlState(levels, optima, np.zeros(self.count), shape)

    def residuals(self, state: BowlState) -> tuple[Array, Array]:
        """Residuals of the log losses, and the excess of each run."""
        part = excess(self.settings - state.optima[self.size], state.curvatures[self.size],
                      state.shape)  # fmt: skip
        return self.log_loss - state.levels[self.size] - part.value, part.value

    def jacobian(self, state: BowlState) -> Array:
        """Derivatives of the prediction by all parameters, shape (runs, parameters)."""
        n, p, count = len(self.size), self.p, self.count
        distance = self.settings - state.optima[self.size]
        part = excess(distance, state.curvatures[self.size], state.shape)
        own = np.concatenate(
            [np.ones((n, 1)), -part.by_distance, part.by_log_curvature[:, None]], axis=1
        )
        vector = state.shape.vector
        jacobian = np.zeros((n, count * (p + 2) + len(vector)))
        columns = self.size[:, None] * (p + 2) + np.arange(p + 2)
        np.put_along_axis(jacobian, columns, own, axis=1)
        terms = len(state.shape.terms)
        jacobian[:, jacobian.shape[1] - terms :] = part.by_term
        for j in range(len(vector) - terms):
            shifted = vector.copy()
            shifted[j] += 1e-6
            moved = excess(distance, state.curvatures[self.size], state.shape.with_vector(shifted))
            jacobian[:, count * (p + 2) + j] = (moved.value - part.value) / 1e-6
        return jacobian

    def prior(self, state: BowlState) -> tuple[Array, Array]:
        """Precision of each parameter's prior, and the distance from its mean."""
        p, count, start = self.p, self.count, self.start
        own_sd = np.array([np.inf, *[OPTIMUM_SD] * p, CURVATURE_SD])
        rows, columns = np.tril_indices(p)
        scale = np.exp(np.mean(np.diag(state.shape.root)))
        root_sd = np.where(rows == columns, 2.0, CORRELATION_SD * scale)
        term_sd = [TERM_SDS[sum(powers)] for powers in exponents(p)]
        terms = term_sd[: len(state.shape.terms)]
        shape_sd = np.concatenate([root_sd, np.full(p, SKEW_SD), [FLAT_SD], terms])
        shape_mean = start.shape.vector
        own = np.concatenate(
            [np.zeros((count, 1)), state.optima - start.optima, state.curvatures[:, None]], axis=1
        )
        precision = np.concatenate([np.tile(own_sd, count), shape_sd]) ** -2.0
        return precision, np.concatenate([own.ravel(), state.shape.vector - shape_mean])

    def weights(self, residuals: Array, rise: Array) -> Array:
        """Inverse variances with the t distribution's factor."""
        precision = 1 / (self.sigma[self.size] ** 2 + (self.omega * rise) ** 2)
        return np.asarray(precision * (STUDENT + 1) / (STUDENT + residuals**2 * precision))

    def update_noise(self, residuals: Array, rise: Array, freedom: float) -> None:
        """The noise of each size, shrunk to the common one, and the misfit of the shape."""
        precision = 1 / (self.sigma[self.size] ** 2 + (self.omega * rise) ** 2)
        student = (STUDENT + 1) / (STUDENT + residuals**2 * precision)
        share = self.sigma[self.size] ** 2 * precision  # of the noise in the variance
        squares = student * residuals**2 * share
        lost = len(residuals) / max(len(residuals) - freedom, 0.2 * len(residuals))
        common = squares.sum() / max(share.sum(), 1e-9) * lost
        own = np.bincount(self.size, squares, self.count) * lost
        mass = np.bincount(self.size, share, self.count)
        variance = (own + NOISE_WEIGHT * common) / (mass + NOISE_WEIGHT)
        self.sigma = np.sqrt(np.maximum(variance, LEAST_NOISE**2))
        apart = 1 - share
        far = rise > 0
        relative = student[far] * (residuals[far] / rise[far]) ** 2 * apart[far]
        total = (relative * apart[far]).sum() * lost + MISFIT_WEIGHT * MISFIT**2
        self.omega = float(np.sqrt(total / ((apart[far] ** 2).sum() + MISFIT_WEIGHT)))


def search_bowls(problem: BowlProblem) -> tuple[BowlState, Array]:
    """The mode by damped Gauss-Newton steps with weights renewed, and the inverse Hessian there."""
    state, damping = problem.start, 1e-2
    inverse: Array = np.zeros((0, 0))
    still = 0
    for _ in range(ROUNDS):
        residuals, rise = problem.residuals(state)
        weights = problem.weights(residuals, rise)
        jacobian = problem.jacobian(state)
        precision, apart = problem.prior(state)
        weighted = jacobian * weights[:, None]
        hessian = jacobian.T @ weighted
        freedom_hessian = hessian + np.diag(precision)
        gradient = weighted.T @ residuals - precision * apart
        cost = weights @ residuals**2 + precision @ apart**2
        for _ in range(8):
            damped = freedom_hessian + damping * np.diag(np.diag(freedom_hessian))
            step = np.linalg.solve(damped, gradient)
            moved = state.moved(np.clip(step, -1.0, 1.0))
            new_residuals, _ = problem.residuals(moved)
            _, new_apart = problem.prior(moved)
            if weights @ new_residuals**2 + precision @ new_apart**2 <= cost:
                state, damping = moved, max(damping / 5, 1e-7)
                break
            damping = min(damping * 6, 1e6)
        else:
            still += 1
        still = still + 1 if float(np.abs(step).max()) < SETTLED else 0
        if still == 3:
            break
        inverse = np.asarray(np.linalg.inv(freedom_hessian))
        residuals, rise = problem.residuals(state)
        problem.update_noise(residuals, rise, float(np.trace(hessian @ inverse)))
    return state, inverse
