"""The loss at a size beyond a ladder, as a prediction interval.

    level = E + Σ_j A_j·2^(−α_j·z_j)·(1 + ρ_j·2^(−δ_j·z_j)) + scatter of a rung        z in octaves

A ladder has few rungs: no single form of law is certain, and the parameters of none are. So the
forecast averages over E (0 included), exponents α (seldom negative: over the batch at equal
examples, say, the loss rises), a second term that decays faster (ρ, δ) and the scatter τ of rungs
about the law, each weighed by its evidence; A_j follow in closed form. z = 0 is the largest rung.
Priors are assumptions; coverage was measured on simulations (docs/laws.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.loss.tempered_sampling import tempered_draws

FEWEST_RUNGS = 3
DRAWS_LOG2 = 12  # draws, as a power of 2
NO_FLOOR = 0.1  # prior probability of E = 0
RISING = 0.1  # prior probability that the loss rises along an axis: α < 0
EXPONENT_MEDIAN, EXPONENT_LOG_SD = 0.4, 0.6  # |α|, octaves of the reducible loss per octave
SECOND = 0.7  # prior probability of a second term
SECOND_SHARE, SECOND_NEGATIVE = 0.2, 0.15  # mean of |ρ|, probability of ρ < 0
SECOND_MEDIAN, SECOND_LOG_SD = 0.5, 0.6  # δ
SCATTER_MEDIAN, SCATTER_LOG_SD = 7e-4, 0.8  # τ, relative to the loss
SAME_OCTAVES = 1e-9


@dataclass(frozen=True, slots=True)
class LossForecast:
    """A forecast of the loss.

    Attributes:
        loss: Median and prediction interval for a new rung.
        floor: E and its interval.
        no_floor: Posterior probability that E = 0.
        distance: Octaves of the target beyond the largest rung.
        method: How it was made, in one line.
    """

    loss: Interval
    floor: Interval
    no_floor: float
    distance: float
    method: str


def forecast_loss(
    levels: Array,
    covariance: Array,
    sizes_octaves: Array,
    target_octaves: Array,
    confidence: float = 0.95,
    seed: int = 0,
    exponents: Array | None = None,
) -> LossForecast:
    """Forecast the loss at a target.

    Args:
        levels: Loss at the optimum of each rung, shape (rungs,).
        covariance: Of the levels, shape (rungs, rungs); or their standard deviations, (rungs,).
        sizes_octaves: log2 of the rungs' sizes along each axis, shape (rungs, k).
        target_octaves: log2 of the target's sizes, shape (k,).
        confidence: Level of the intervals, between 0 and 1.
        seed: Seed of the draws.
        exponents: Prior median of each axis' exponent, octaves of the reducible loss per octave,
            shape (k,); None: `EXPONENT_MEDIAN`.

    Raises:
        InputError: The arrays do not fit together.
        Inconclusive: Fewer than three rungs, or the target differs along an axis that none varies.
    """
    levels, sizes = np.asarray(levels, float), np.asarray(sizes_octaves, float)
    target = np.asarray(target_octaves, float)
    if sizes.shape != (len(levels), len(target)):
        raise InputError(f"{len(levels)} levels need sizes of shape ({len(levels)}, {len(target)})")
    covariance = np.asarray(covariance, float)
    if covariance.ndim == 1:
        covariance = np.diag(covariance**2)
    varied = np.ptp(sizes, axis=0) > SAME_OCTAVES
    if np.any(~varied & (np.abs(target - sizes[0]) > SAME_OCTAVES)):
        raise Inconclusive("the target differs along an axis on which no rung does; add such rungs")
    medians = np.full(len(target), EXPONENT_MEDIAN) if exponents is None else exponents
    sizes, target, medians = sizes[:, varied], target[varied], medians[varied]
    if len(np.unique(sizes, axis=0)) < FEWEST_RUNGS:
        raise Inconclusive(f"a forecast of the loss needs {FEWEST_RUNGS} rungs")
    centre = sizes.max(axis=0)
    law = _Law.of(levels, covariance, sizes - centre, medians)
    normal = tempered_draws(law.log_likelihood, law.size, DRAWS_LOG2, seed)
    parameters = law.parameters(normal)
    new = law.new_rung(parameters, target - centre, seed)
    tails = [50 * (1 - confidence), 50, 50 * (1 + confidence)]
    low, middle, high = np.percentile(new, tails)
    f_low, f_middle, f_high = np.percentile(parameters.floor, tails)
    beyond = np.maximum(target - centre, 0.0)
    return LossForecast(
        loss=Interval(value=float(middle), low=float(low), high=float(high)),
        floor=Interval(value=float(f_middle), low=float(f_low), high=float(f_high)),
        no_floor=float(np.mean(parameters.floor == law.lowest)),
        distance=float(np.linalg.norm(beyond)),
        method="E + A·s^−α, averaged over E = 0, exponents, bends and the scatter of rungs by "
        "their evidence",
    )


@dataclass(frozen=True)
class _Parameters:
    """Draws of E and scatter, shape (draws,), and of each axis' term, shape (draws, axes)."""

    floor: Array
    scatter: Array
    exponents: Array
    shares: Array
    decays: Array

    def terms(self, octaves: Array) -> Array:
        """2^(−α·z)·(1 + ρ·2^(−δ·z)) of each draw, shape (draws, sizes, axes).

        Args:
            octaves: z, shape (sizes, axes).
        """
        z = octaves[None]
        second = self.shares[:, None] * np.exp2(-self.decays[:, None] * z)
        return np.asarray(np.exp2(-self.exponents[:, None] * z) * np.maximum(1 + second, 0.05))


@dataclass(frozen=True)
class _Law:
    """The law, and the rungs' levels.

    Attributes:
        levels: Shape (rungs,).
        sizes: Octaves from the largest rung, shape (rungs, axes).
        medians: Prior median of each axis' exponent, shape (axes,).
        rotation: Eigenvectors of the levels' covariance in its columns, shape (rungs, rungs).
        variances: Its eigenvalues, shape (rungs,).
    """

    levels: Array
    sizes: Array
    medians: Array
    rotation: Array
    variances: Array

    @classmethod
    def of(cls, levels: Array, covariance: Array, sizes: Array, medians: Array) -> _Law:
        """The law for levels with a covariance."""
        variances, rotation = np.linalg.eigh(covariance)
        return cls(levels, sizes, medians, rotation, np.maximum(variances, 0.0))

    @property
    def axes(self) -> int:
        """Number of axes."""
        return int(self.sizes.shape[1])

    @property
    def size(self) -> int:
        """Number of coordinates of a draw: two, and four for each axis."""
        return 2 + 4 * self.axes

    @property
    def lowest(self) -> float:
        """The smallest E: 0, or well below the levels where these can be negative."""
        smallest = float(self.levels.min())
        return 0.0 if smallest > 0 else smallest - 4 * float(np.ptp(self.levels))

    @property
    def factor_scale(self) -> float:
        """Of the weak prior that keeps terms finite that grow together on the ladder."""
        return max(float(np.abs(self.levels).max()), float(np.ptp(self.levels)))

    def parameters(self, normal: Array) -> _Parameters:
        """The parameters whose priors standard normal coordinates follow.

        Args:
            normal: Shape (draws, size).
        """
        lowest, smallest, k = self.lowest, float(self.levels.min()), self.axes
        above = np.maximum(special.ndtr(normal[:, 0]) - NO_FLOOR, 0.0) / (1 - NO_FLOOR)
        scale = smallest if lowest == 0 else smallest - lowest
        by_axis = normal[:, 2:].reshape(-1, 4, k)
        exponents = self.medians * np.exp(EXPONENT_LOG_SD * by_axis[:, 0])
        rises = by_axis[:, 3] < special.ndtri(RISING)
        return _Parameters(
            floor=lowest + above * (smallest - lowest),
            scatter=scale * SCATTER_MEDIAN * np.exp(SCATTER_LOG_SD * normal[:, 1]),
            exponents=np.where(rises, -exponents, exponents),
            shares=_second_shares(special.ndtr(by_axis[:, 1])),
            decays=SECOND_MEDIAN * np.exp(SECOND_LOG_SD * by_axis[:, 2]),
        )

    def log_likelihood(self, normal: Array) -> Array:
        """Log likelihood of draws, integrated over the factors A_j > 0, shape (draws,).

        Args:
            normal: Shape (draws, size).
        """
        return self._factors(self.parameters(normal))[2]

    def new_rung(self, parameters: _Parameters, octaves: Array, seed: int) -> Array:
        """Draws of the level of a new rung, shape (draws,).

        Args:
            parameters: The draws.
            octaves: Its size from the largest rung, shape (axes,).
            seed: Seed of the draws.
        """
        factors, inverse, _ = self._factors(parameters)
        rng = np.random.default_rng(seed)
        root = np.linalg.cholesky(inverse)
        noise = np.einsum("sjk,sk->sj", root, rng.standard_normal(factors.shape))
        drawn = np.maximum(factors + noise, 0.0)
        level = parameters.floor + (parameters.terms(octaves[None])[:, 0] * drawn).sum(axis=1)
        return np.asarray(level + parameters.scatter * rng.standard_normal(len(level)))

    def _factors(self, parameters: _Parameters) -> tuple[Array, Array, Array]:
        """Mean and covariance of the factors A_j of every draw, and the log likelihood."""
        sd = np.sqrt(self.variances + parameters.scatter[:, None] ** 2)  # draws, rungs
        white = (
            np.einsum("ri,srk->sik", self.rotation, parameters.terms(self.sizes)) / sd[..., None]
        )
        excess = (self.levels - parameters.floor[:, None]) @ self.rotation / sd
        precision = np.einsum("srj,srk->sjk", white, white)
        precision += np.eye(self.axes) / self.factor_scale**2
        inverse = np.linalg.inv(precision)
        factors = np.einsum("sjk,srk,sr->sj", inverse, white, excess, optimize=True)
        misfit = ((excess - np.einsum("srj,sj->sr", white, factors)) ** 2).sum(axis=1)
        misfit = misfit + (factors**2).sum(axis=1) / self.factor_scale**2
        sds = np.sqrt(np.einsum("sjj->sj", inverse))
        log_likelihood = -0.5 * misfit - np.log(sd).sum(axis=1)
        log_likelihood = log_likelihood - 0.5 * np.linalg.slogdet(precision)[1]
        log_likelihood = log_likelihood + special.log_ndtr(factors / sds).sum(axis=1)
        return factors, inverse, log_likelihood


def _second_shares(unit: Array) -> Array:
    """Shares ρ of the second term: often none, seldom negative, else exponentially distributed."""
    inside = np.clip((unit - (1 - SECOND)) / SECOND, 0.0, 1 - 1e-9)
    negative = inside < SECOND_NEGATIVE
    rest = np.where(
        negative, inside / SECOND_NEGATIVE, (inside - SECOND_NEGATIVE) / (1 - SECOND_NEGATIVE)
    )
    size = -SECOND_SHARE * np.log1p(-np.clip(rest, 0.0, 1 - 1e-9))
    return np.asarray(np.where(unit < 1 - SECOND, 0.0, np.where(negative, -size, size)))
