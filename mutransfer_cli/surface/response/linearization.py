"""The least squares problem of the response surface: the runs, the prior, and one linearization."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, lapack

from mutransfer_cli.surface.response.layout import Layout
from mutransfer_cli.surface.response.misfit import offset_correlation, size_decay
from mutransfer_cli.surface.response.noise_model import SEED_EFFECT, NoiseModel
from mutransfer_cli.surface.response.runs import Array, Indices, Mask, Runs
from mutransfer_cli.surface.response.shape import Shape, shape_at
from mutransfer_cli.surface.response.trend import Trend

DIVERGED_ABOVE = 0.1  # excess loss that a setting that diverged must have
DIVERGED_SD = 0.05


@dataclass(frozen=True)
class Problem:
    """The runs of one window, ready to fit.

    Attributes:
        runs: Runs that finished.
        rung: Index of each one's rung, shape (runs,).
        sizes: Centered sizes of all rungs, shape (rungs, axes).
        trend: How the optimum moves over sizes.
        layout: The order of parameters.
        same_seed: Which pairs of runs share the effect of a seed, shape (runs, runs); None: none.
        diverged: Settings of runs that diverged, shape (diverged, hyperparameters).
        diverged_rung: Their rungs, shape (diverged,).
    """

    runs: Runs
    rung: Indices
    sizes: Array
    trend: Trend
    layout: Layout
    same_seed: Mask | None
    diverged: Array
    diverged_rung: Indices

    def shape(self, theta: Array) -> Shape:
        """The surface at the runs."""
        return self.shape_of(theta, self.runs.settings, self.rung)

    def shape_of(self, theta: Array, settings: Array, rung: Indices) -> Shape:
        """The surface at any settings of the rungs.

        Args:
            theta: The parameters, in the order of the layout.
            settings: In octaves, shape (settings, hyperparameters).
            rung: Index of each one's rung, shape (settings,).
        """
        return shape_at(theta, self.layout, settings, rung, self.sizes, self.trend.rungs)

    def residuals(self, theta: Array, shape: Shape) -> Array:
        """What the surface leaves of the losses, shape (runs,)."""
        level = theta[self.layout.slices["level"]]
        return np.asarray(self.runs.losses - level[self.rung] - shape.excess)

    def hinge(self, theta: Array) -> tuple[Array, Array]:
        """How far the surface is too low at settings that diverged, in sd, and its gradient."""
        if not len(self.diverged):
            return np.zeros(0), np.zeros((0, self.layout.size))
        shape = self.shape_of(theta, self.diverged, self.diverged_rung)
        short = (DIVERGED_ABOVE - shape.excess) / DIVERGED_SD
        active = short > 0
        gradient = shape.gradient[active] / DIVERGED_SD
        gradient[:, self.layout.slices["level"]] = 0
        return short[active], gradient

    def covariance(self, shape: Shape, noise: NoiseModel, rho: float) -> Array:
        """Covariance of the losses about the surface, shape (runs, runs).

        Args:
            shape: The surface at the runs.
            noise: The noise.
            rho: Size of the misfit relative to the excess loss.
        """
        v = offset_correlation(shape.offset, shape.offset)
        v *= self.size_decay
        v *= rho * shape.excess
        v *= (rho * shape.excess)[:, None]
        v[np.diag_indices_from(v)] += noise.variance(self.rung, shape.excess)
        if self.same_seed is not None:
            v += (SEED_EFFECT**2 * np.mean(noise.sigma**2)) * self.same_seed
        return v

    @cached_property
    def size_decay(self) -> Array:
        """How far the misfit of one run's size is that of another's, shape (runs, runs)."""
        z = self.sizes[self.rung]
        return size_decay(z, z)


@dataclass(frozen=True)
class Linearization:
    """The problem at one setting of the parameters, with the covariance held.

    Attributes:
        problem: The runs.
        theta: The parameters.
        shape: The surface at the runs.
        noise: The noise from which the covariance was made.
        whitening: Inverse of the covariance's lower Cholesky factor, shape (runs, runs).
        log_determinant: Of the covariance.
        mean: Prior mean of the parameters.
        sd: Prior standard deviation of the parameters.
    """

    problem: Problem
    theta: Array
    shape: Shape
    noise: NoiseModel
    whitening: Array
    log_determinant: float
    mean: Array
    sd: Array

    @classmethod
    def at(
        cls,
        problem: Problem,
        theta: Array,
        noise: NoiseModel,
        rho: float,
        mean: Array,
        sd: Array,
    ) -> Linearization:
        """Linearize.

        Args:
            problem: The runs.
            theta: The parameters.
            noise: The noise.
            rho: Size of the misfit relative to the excess loss.
            mean: Prior mean of the parameters.
            sd: Prior standard deviation of the parameters.

        Raises:
            LinAlgError: The covariance is not positive definite, as where a loss is not finite.
        """
        shape = problem.shape(theta)
        covariance = problem.covariance(shape, noise, rho)  # symmetric: its transpose is no copy
        factor, failure = lapack.dpotrf(covariance.T, lower=1, clean=1, overwrite_a=1)
        if failure:
            raise LinAlgError("the covariance of the runs is not positive definite")
        log_determinant = 2 * float(np.log(np.diag(factor)).sum())
        whitening, _ = lapack.dtrtri(factor, lower=1, overwrite_c=1)
        return cls(problem, theta, shape, noise, whitening, log_determinant, mean, sd)

    @cached_property
    def residuals(self) -> Array:
        """What the surface leaves of the losses, shape (runs,)."""
        return self.problem.residuals(self.theta, self.shape)

    @cached_property
    def whitened(self) -> Array:
        """Gradient of the surface in standard deviations, shape (runs, parameters)."""
        return np.asarray(self.whitening @ self.shape.gradient)

    @cached_property
    def hessian(self) -> Array:
        """Gauss-Newton Hessian of half the cost, shape (parameters, parameters)."""
        _, hinge = self.problem.hinge(self.theta)
        curvature = self.whitened.T @ self.whitened + hinge.T @ hinge
        curvature[np.diag_indices_from(curvature)] += 1 / self.sd**2
        return np.asarray(curvature)

    @cached_property
    def descent(self) -> Array:
        """The negative gradient of half the cost, shape (parameters,)."""
        short, hinge = self.problem.hinge(self.theta)
        prior = (self.mean - self.theta) / self.sd**2
        whitened = self.whitening @ self.residuals
        return np.asarray(self.whitened.T @ whitened + prior + hinge.T @ short)

    @cached_property
    def factor(self) -> tuple[Array, bool]:
        """Cholesky factor of the Hessian."""
        return cho_factor(self.hessian, lower=True)  # type: ignore[no-any-return]  # untyped scipy

    @cached_property
    def posterior(self) -> Array:
        """Covariance of the parameters, shape (parameters, parameters)."""
        return np.asarray(cho_solve(self.factor, np.eye(len(self.theta))))

    @cached_property
    def cost(self) -> float:
        """The cost here."""
        return self.cost_at(self.theta)

    def cost_at(self, theta: Array) -> float:
        """Chi squared of runs, prior and hinge at other parameters, with the covariance held."""
        residuals = self.whitening @ self.problem.residuals(theta, self.problem.shape(theta))
        short, _ = self.problem.hinge(theta)
        prior = (((theta - self.mean) / self.sd) ** 2).sum()
        return float(residuals @ residuals + prior + short @ short)

    def weighed(self, residuals: Array) -> Array:
        """The inverse of the covariance times residuals, shape (runs,)."""
        return np.asarray(self.whitening.T @ (self.whitening @ residuals))

    @cached_property
    def free_precision(self) -> Array:
        """Diagonal of the inverse covariance less what the parameters use up, shape (runs,)."""
        diagonal = np.einsum("ij,ij->j", self.whitening, self.whitening)
        weighted = self.whitening.T @ self.whitened
        used = ((weighted @ self.posterior) * weighted).sum(1)
        return np.asarray(np.maximum(diagonal - used, 1e-12))

    @property
    def evidence(self) -> float:
        """Log of the marginal likelihood up to a constant, by Laplace's method."""
        determinants = self.log_determinant + 2 * np.log(np.diag(self.factor[0])).sum()
        return float(-0.5 * (self.cost + determinants + 2 * np.log(self.sd).sum()))
