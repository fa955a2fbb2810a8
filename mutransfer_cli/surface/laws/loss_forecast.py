"""The loss at a size beyond a ladder, as a prediction interval.

    level = E + Σ_j A_j·2^(−α_j·z_j)·(1 + ρ_j·2^(−δ_j·z_j)) + scatter of a rung        z in octaves

A ladder has few rungs: no single form of law is certain, and the parameters of none are. So the
forecast averages over E (0 included), exponents α, a second term that decays faster (ρ, δ) and the
scatter τ of rungs about the law, each weighed by its evidence (importance sampling from the
priors); A_j follow in closed form. z = 0 is the largest rung.
Priors are assumptions; coverage was measured on simulations (docs/laws.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import Array

FEWEST_RUNGS = 3
SAMPLES_LOG2 = 15  # importance samples, as a power of 2
DRAWS = 4000
NO_FLOOR = 0.1  # prior probability of E = 0
EXPONENT_MEDIAN, EXPONENT_LOG_SD = 0.4, 0.6  # α, octaves of the reducible loss per octave
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


@dataclass(frozen=True)
class _Samples:
    """Draws from the priors: E and scatter (samples,), exponents and second terms (samples, k)."""

    floor: Array
    scatter: Array
    exponents: Array
    shares: Array
    decays: Array


def forecast_loss(
    levels: Array,
    covariance: Array,
    sizes_octaves: Array,
    target_octaves: Array,
    confidence: float = 0.95,
    seed: int = 0,
) -> LossForecast:
    """Forecast the loss at a target.

    Args:
        levels: Loss at the optimum of each rung, shape (rungs,).
        covariance: Of the levels, shape (rungs, rungs); or their standard deviations, (rungs,).
        sizes_octaves: log2 of the rungs' sizes along each axis, shape (rungs, k).
        target_octaves: log2 of the target's sizes, shape (k,).
        confidence: Level of the intervals, between 0 and 1.
        seed: Seed of the draws.

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
    sizes, target = sizes[:, varied], target[varied]
    if len(np.unique(sizes, axis=0)) < FEWEST_RUNGS:
        raise Inconclusive(f"a forecast of the loss needs {FEWEST_RUNGS} rungs")
    centre = sizes.max(axis=0)
    samples = _from_priors(levels, sizes.shape[1], seed)
    weights, new = _weigh(samples, (levels, covariance), sizes - centre, target - centre, seed)
    chosen = np.random.default_rng(seed).choice(len(weights), size=DRAWS, p=weights)
    tail = 50 * (1 - confidence)
    low, middle, high = np.percentile(new[chosen], [tail, 50, 100 - tail])
    floors = samples.floor[chosen]
    f_low, f_middle, f_high = np.percentile(floors, [tail, 50, 100 - tail])
    beyond = np.maximum(target - centre, 0.0)
    return LossForecast(
        loss=Interval(value=float(middle), low=float(low), high=float(high)),
        floor=Interval(value=float(f_middle), low=float(f_low), high=float(f_high)),
        no_floor=float(weights[samples.floor == _lowest(levels)].sum()),
        distance=float(np.linalg.norm(beyond)),
        method="E + A·s^−α, averaged over E = 0, exponents, bends and the scatter of rungs by "
        "their evidence",
    )


def _lowest(levels: Array) -> float:
    """The smallest E: 0, or well below the levels where these can be negative."""
    smallest = float(levels.min())
    return 0.0 if smallest > 0 else smallest - 4 * float(np.ptp(levels))


def _from_priors(levels: Array, k: int, seed: int) -> _Samples:
    unit = stats.qmc.Sobol(2 + 3 * k, seed=seed).random_base2(SAMPLES_LOG2)
    unit = np.clip(unit, 1e-9, 1 - 1e-9)
    lowest, smallest = _lowest(levels), float(levels.min())
    share = np.maximum(unit[:, 0] - NO_FLOOR, 0.0) / (1 - NO_FLOOR)
    normal = special.ndtri(unit[:, 1:])
    scale = smallest if lowest == 0 else smallest - lowest
    return _Samples(
        floor=lowest + share * (smallest - lowest),
        scatter=scale * SCATTER_MEDIAN * np.exp(SCATTER_LOG_SD * normal[:, 0]),
        exponents=EXPONENT_MEDIAN * np.exp(EXPONENT_LOG_SD * normal[:, 1 : 1 + k]),
        shares=_second_shares(unit[:, 2 + k : 2 + 2 * k]),
        decays=SECOND_MEDIAN * np.exp(SECOND_LOG_SD * normal[:, 1 + 2 * k :]),
    )


def _second_shares(unit: Array) -> Array:
    """Shares ρ of the second term: often none, seldom negative, else exponentially distributed."""
    inside = np.clip((unit - (1 - SECOND)) / SECOND, 0.0, 1 - 1e-9)
    negative = inside < SECOND_NEGATIVE
    rest = np.where(
        negative, inside / SECOND_NEGATIVE, (inside - SECOND_NEGATIVE) / (1 - SECOND_NEGATIVE)
    )
    size = -SECOND_SHARE * np.log1p(-np.clip(rest, 0.0, 1 - 1e-9))
    return np.asarray(np.where(unit < 1 - SECOND, 0.0, np.where(negative, -size, size)))


def _weigh(
    samples: _Samples,
    observed: tuple[Array, Array],
    sizes: Array,
    target: Array,
    seed: int,
) -> tuple[Array, Array]:
    """The posterior weight of each sample, and a new rung's loss at the target for each."""
    levels, covariance = observed
    design = _terms(samples, sizes)  # samples, rungs, k
    at_target = _terms(samples, target[None])[:, 0]
    variance = covariance + samples.scatter[:, None, None] ** 2 * np.eye(len(levels))
    factor = np.linalg.cholesky(variance)
    white = np.linalg.solve(factor, design)
    excess = np.linalg.solve(factor, (levels - samples.floor[:, None])[..., None])[..., 0]
    # a weak prior keeps terms finite that grow together on the ladder
    scale = max(float(np.abs(levels).max()), float(np.ptp(levels)))
    precision = np.einsum("srj,srk->sjk", white, white) + np.eye(design.shape[2]) / scale**2
    inverse = np.linalg.inv(precision)
    factors = np.einsum("sjk,srk,sr->sj", inverse, white, excess)
    misfit = ((excess - np.einsum("srj,sj->sr", white, factors)) ** 2).sum(axis=1)
    misfit = misfit + (factors**2).sum(axis=1) / scale**2
    sds = np.sqrt(np.einsum("sjj->sj", inverse))
    log_weight = -0.5 * misfit - np.log(np.einsum("sii->si", factor)).sum(axis=1)
    log_weight = log_weight - 0.5 * np.linalg.slogdet(precision)[1]
    log_weight = log_weight + special.log_ndtr(factors / sds).sum(axis=1)  # all A_j > 0
    weights = np.exp(log_weight - log_weight.max())
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(inverse)
    noise = np.einsum("sjk,sk->sj", root, rng.standard_normal(factors.shape))
    drawn = np.maximum(factors + noise, 0.0)
    new = samples.floor + (at_target * drawn).sum(axis=1)
    return weights / weights.sum(), new + samples.scatter * rng.standard_normal(len(new))


def _terms(samples: _Samples, octaves: Array) -> Array:
    """2^(−α·z)·(1 + ρ·2^(−δ·z)) of each sample, shape (samples, sizes, k)."""
    z = octaves[None]
    second = samples.shares[:, None] * 2.0 ** (-samples.decays[:, None] * z)
    return np.asarray(2.0 ** (-samples.exponents[:, None] * z) * np.maximum(1 + second, 0.05))
