"""Sums of powers of the sizes, averaged over what few sizes cannot determine.

    level = E + Σ_j A_j·2^(−α_j·z_j)·(1 + ρ_j·2^(−δ_j·z_j)) + scatter      z in octaves

With few sizes no single form of law is certain, and the parameters of none are. So predictions
average over E (0 included), exponents α (seldom negative: over the batch at equal examples, say,
the loss rises), a second term that decays faster (ρ, δ), the scatter τ of sizes about the law, and
the part of it that sizes share which are equal along an axis, each weighed by its evidence; A_j
follow in closed form. z = 0 is the largest size. Priors are assumptions; coverage was measured on
simulations (docs/laws.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import special

from mutransfer_cli.surface.laws.law_form import Array, Indices, Mask
from mutransfer_cli.surface.laws.loss.positive_factors import log_all_positive, positive_draws
from mutransfer_cli.surface.laws.loss.shared_scatter import Scatter

NO_FLOOR = 0.1  # prior probability of E = 0
RISING = 0.1  # prior probability that the loss rises along an axis: α < 0
EXPONENT_LOG_SD = 0.6  # of |α|, octaves of the reducible loss per octave
SECOND = 0.7  # prior probability of a second term
SECOND_SHARE, SECOND_NEGATIVE = 0.2, 0.15  # mean of |ρ|, probability of ρ < 0
SECOND_MEDIAN, SECOND_LOG_SD = 0.5, 0.6  # δ
LEAST_TERM = 0.05  # of a first term that a negative second one leaves, at any size
MOST_OCTAVES = 100.0  # of a term above that at the center, against overflow
IMPOSSIBLE = -1e6  # log likelihood
SCATTER_MEDIAN, SCATTER_LOG_SD = 7e-4, 0.8  # τ, relative to the loss


@dataclass(frozen=True)
class Parameters:
    """Draws of E, of τ and of the kind of scatter, (draws,), and of each axis' term, (draws, axes).

    Attributes:
        floor: E.
        scatter: τ.
        kinds: Index of the kind of scatter.
        exponents: α.
        shares: ρ.
        decays: δ.
    """

    floor: Array
    scatter: Array
    kinds: Indices
    exponents: Array
    shares: Array
    decays: Array

    def terms(self, octaves: Array) -> Array:
        """2^(−α·z)·(1 + ρ·2^(−δ·z)) of each draw, shape (draws, sizes, axes).

        Args:
            octaves: z, shape (sizes, axes).
        """
        z = octaves[None]
        second = self.shares[:, None] * np.exp2(np.minimum(-self.decays[:, None] * z, MOST_OCTAVES))
        left = np.maximum(1 + second, LEAST_TERM)
        return np.asarray(np.exp2(np.minimum(-self.exponents[:, None] * z, MOST_OCTAVES)) * left)

    def negative(self, octaves: Array) -> Mask:
        """Which draws have a second term that all but cancels the first at a size, (draws,).

        Args:
            octaves: z, shape (sizes, axes).
        """
        most = (-self.decays[:, None] * octaves[None]).max(axis=1)
        second = self.shares * np.exp2(np.minimum(most, MOST_OCTAVES))
        return np.asarray((1 + second <= LEAST_TERM).any(axis=1))

    def of(self, kept: Mask) -> Parameters:
        """The draws where `kept` is true."""
        return Parameters(**{field.name: getattr(self, field.name)[kept] for field in fields(self)})


@dataclass(frozen=True)
class AveragedPowers:
    """The sum of powers, and the levels that it is fitted to.

    Attributes:
        levels: Loss at each size, shape (sizes,).
        sizes: Octaves from the largest size, shape (sizes, axes).
        medians: Prior median of each axis' exponent, shape (axes,).
        kinds: The kinds of scatter, of equal prior probability.
        fixed_floor: E where it is known; None where it is averaged over.
        rising: Prior probability that the loss rises along an axis.
    """

    levels: Array
    sizes: Array
    medians: Array
    kinds: Sequence[Scatter]
    fixed_floor: float | None = None
    rising: float = RISING

    @property
    def axes(self) -> int:
        """Number of axes."""
        return int(self.sizes.shape[1])

    @property
    def size(self) -> int:
        """Number of coordinates of a draw: two, four for each axis, and the kind of scatter."""
        return 2 + 4 * self.axes + (len(self.kinds) > 1)

    @property
    def lowest(self) -> float:
        """The smallest E: 0, or well below the levels where these can be negative."""
        smallest = float(self.levels.min())
        return 0.0 if smallest > 0 else smallest - 4 * float(np.ptp(self.levels))

    @property
    def factor_scale(self) -> float:
        """Of the weak prior that keeps terms finite that grow together over the sizes."""
        return max(float(np.abs(self.levels).max()), float(np.ptp(self.levels)))

    def parameters(self, normal: Array) -> Parameters:
        """The parameters whose priors standard normal coordinates follow.

        Args:
            normal: Shape (draws, size).
        """
        lowest, smallest, k = self.lowest, float(self.levels.min()), self.axes
        above = np.maximum(special.ndtr(normal[:, 0]) - NO_FLOOR, 0.0) / (1 - NO_FLOOR)
        floor = lowest + above * (smallest - lowest)
        if self.fixed_floor is not None:
            floor = np.full(len(normal), self.fixed_floor)
        scale = smallest if lowest == 0 else smallest - lowest
        by_axis = normal[:, 2 : 2 + 4 * k].reshape(-1, 4, k)
        exponents = self.medians * np.exp(EXPONENT_LOG_SD * by_axis[:, 0])
        rises = by_axis[:, 3] < special.ndtri(self.rising)
        kinds = np.zeros(len(normal), dtype=np.intp)
        if len(self.kinds) > 1:
            kinds = np.minimum(
                (special.ndtr(normal[:, -1]) * len(self.kinds)).astype(np.intp), len(self.kinds) - 1
            )
        return Parameters(
            floor=floor,
            scatter=scale * SCATTER_MEDIAN * np.exp(SCATTER_LOG_SD * normal[:, 1]),
            kinds=kinds,
            exponents=np.where(rises, -exponents, exponents),
            shares=_second_shares(special.ndtr(by_axis[:, 1])),
            decays=SECOND_MEDIAN * np.exp(SECOND_LOG_SD * by_axis[:, 2]),
        )

    def log_likelihood(self, normal: Array) -> Array:
        """Log likelihood of draws, integrated over the factors A_j > 0, shape (draws,).

        Args:
            normal: Shape (draws, size).
        """
        parameters = self.parameters(normal)
        fit = self._factors(parameters)[2]
        return np.where(parameters.negative(self.sizes), IMPOSSIBLE, fit)

    def new_levels(self, parameters: Parameters, octaves: Array, seed: int) -> Array:
        """Draws of the levels of new sizes, shape (draws, new sizes).

        Args:
            parameters: The draws.
            octaves: The new sizes from the largest one, shape (new sizes, axes).
            seed: Seed of the draws.
        """
        factors, inverse, _ = self._factors(parameters)
        rng = np.random.default_rng(seed)
        drawn = positive_draws(factors, np.asarray(np.linalg.inv(inverse)), rng)

        def law(at: Array) -> Array:
            return np.asarray(
                parameters.floor[:, None]
                + np.einsum("srk,sk->sr", parameters.terms(at), drawn, optimize=True)
            )

        level, apart = law(octaves), self.levels - law(self.sizes)
        scatter = rng.standard_normal(level.shape)
        for index, kind in enumerate(self.kinds):
            own = parameters.kinds == index
            mean, sd = kind.new(self.sizes, octaves, apart[own], parameters.scatter[own])
            level[own] += mean + sd * scatter[own]
        return np.asarray(level)

    def _factors(self, parameters: Parameters) -> tuple[Array, Array, Array]:
        """Mean and covariance of the factors A_j of every draw, and the log likelihood."""
        count, k = len(parameters.floor), self.axes
        factors, inverse, fit = np.zeros((count, k)), np.zeros((count, k, k)), np.zeros(count)
        for index, kind in enumerate(self.kinds):
            own = parameters.kinds == index
            if own.any():
                factors[own], inverse[own], fit[own] = self._factors_of(parameters.of(own), kind)
        return factors, inverse, fit

    def _factors_of(self, parameters: Parameters, kind: Scatter) -> tuple[Array, Array, Array]:
        sd = np.sqrt(kind.variances + parameters.scatter[:, None] ** 2)  # draws, sizes
        white = kind.whitening.T @ parameters.terms(self.sizes) / sd[..., None]
        excess = (self.levels - parameters.floor[:, None]) @ kind.whitening / sd
        precision = white.transpose(0, 2, 1) @ white
        precision += np.eye(self.axes) / self.factor_scale**2
        inverse = np.linalg.inv(precision)
        factors = (inverse @ (white.transpose(0, 2, 1) @ excess[..., None]))[..., 0]
        misfit = ((excess - (white @ factors[..., None])[..., 0]) ** 2).sum(axis=1)
        misfit = misfit + (factors**2).sum(axis=1) / self.factor_scale**2
        log_likelihood = -0.5 * misfit - np.log(sd).sum(axis=1) - kind.log_determinant
        log_likelihood = log_likelihood - 0.5 * np.linalg.slogdet(precision)[1]
        log_likelihood = log_likelihood + log_all_positive(factors, np.asarray(inverse))
        return factors, np.asarray(inverse), np.asarray(log_likelihood)


def _second_shares(unit: Array) -> Array:
    """Shares ρ of the second term: often none, seldom negative, else exponentially distributed."""
    inside = np.clip((unit - (1 - SECOND)) / SECOND, 0.0, 1 - 1e-9)
    negative = inside < SECOND_NEGATIVE
    rest = np.where(
        negative, inside / SECOND_NEGATIVE, (inside - SECOND_NEGATIVE) / (1 - SECOND_NEGATIVE)
    )
    size = -SECOND_SHARE * np.log1p(-np.clip(rest, 0.0, 1 - 1e-9))
    return np.asarray(np.where(unit < 1 - SECOND, 0.0, np.where(negative, -size, size)))
