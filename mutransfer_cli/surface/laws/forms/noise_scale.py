"""The optimal learning rate against the batch: ε = ε_max / (1 + B_noise/B).

McCandlish et al. 2018 (arXiv 1812.06162), equation 2.8, for SGD; with Adam the rise is closer to
B^½, and the noise scale is then that of this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import fdtri

from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.grouping import group_sizes, log_product
from mutransfer_cli.surface.laws.law_form import (
    Array,
    Indices,
    LawForm,
    LawOptions,
    LawTable,
    Mask,
    Parameters,
    Picture,
    Score,
    Series,
)
from mutransfer_cli.surface.laws.optima.optimum_score import score_optima
from mutransfer_cli.surface.laws.optima.size_optima import SHARED, SizeOptima
from mutransfer_cli.surface.laws.optima.table_optima import left_out, optima_of
from mutransfer_cli.surface.student import normal_reach, student_reach

FEWEST_BATCHES = 4  # two parameters and two more
BEYOND = 8.0  # octaves beyond the batches in which the noise scale is searched
STEPS = 1601
SCATTER = 0.03  # octaves; the least scatter of an optimum about the form (assumption)


@dataclass(frozen=True)
class Profile:
    """The fit at each noise scale of a grid.

    Attributes:
        log2_noise: log2 B_noise, shape (grid,).
        log2_rate: Best log2 ε_max at each, shape (grid,).
        misfit: Weighted sum of squares at each, shape (grid,).
        weight: Sum of the weights.
        points: Number of batches.
        shared: Standard deviation of an error that all optima share.
    """

    log2_noise: Array
    log2_rate: Array
    misfit: Array
    weight: float
    points: int
    shared: float = 0.0

    @property
    def best(self) -> int:
        """Index of the least misfit."""
        return int(np.argmin(self.misfit))

    @property
    def variance(self) -> float:
        """Variance of a point of unit weight."""
        return float(self.misfit[self.best]) / (self.points - 2)

    def accepted(self, confidence: float) -> Indices:
        """Indices of the noise scales that an F test does not reject (profile likelihood)."""
        limit = fdtri(1, self.points - 2, confidence) * self.variance
        return np.flatnonzero(self.misfit <= self.misfit[self.best] + limit)


@dataclass(frozen=True)
class NoiseScaleLaw:
    """The form, fitted.

    Attributes:
        table: The runs.
        batches: log2 of each batch, shape (batches,).
        rates: log2 of the optimal learning rate at each, shape (batches,).
        profile: The fit at each noise scale.
        options: Confidence and seed.
        parameters: `epsilon_max` and `B_noise`.
        notes: Caveats.
        method: How it was fitted.
        unidentified: Why parameters are not identified; empty where all are.
    """

    table: LawTable
    batches: Array
    rates: Array
    profile: Profile
    options: LawOptions
    parameters: Parameters
    notes: tuple[str, ...]
    unidentified: tuple[str, ...]
    method: str = (
        "optimum of each batch, then least squares in logarithms; intervals by profile likelihood"
    )

    @property
    def points(self) -> int:
        """The number of batches."""
        return len(self.batches)

    @property
    def residual(self) -> float:
        """Root mean square departure of the optima from the form, in octaves."""
        p = self.profile
        fitted = p.log2_rate[p.best] - saturation(self.batches, p.log2_noise[p.best])
        return float(np.sqrt(np.mean((self.rates - fitted) ** 2)))

    def predict(self, sizes: Mapping[str, float]) -> dict[str, Interval]:
        """The optimal learning rate at a batch, for a new batch."""
        p, batch = self.profile, np.log2(sizes["batch"])
        curve = p.log2_rate - saturation(batch, p.log2_noise)
        kept = p.accepted(self.options.confidence)
        quantile = student_reach(self.options.confidence, self.points - 2)
        new = quantile * np.sqrt(p.variance * (1 + 1 / self.points))
        value = float(curve[p.best])
        new = np.hypot(new, normal_reach(self.options.confidence) * p.shared)
        low = value - np.hypot(value - curve[kept].min(), new)
        high = value + np.hypot(curve[kept].max() - value, new)
        name = self.table.hyperparameters[0]
        return {name: Interval(value=value, low=float(low), high=float(high)).exp2()}

    def score(self, held_out: LawTable) -> Score:
        """Compare with the optima at held-out batches."""
        return score_optima(held_out, self.predict)

    def pictures(self) -> tuple[Picture, ...]:
        """Optimal learning rate against batch."""
        p = self.profile
        x = np.linspace(self.batches.min() - 1, self.batches.max() + 1, 60)
        law = p.log2_rate[p.best] - saturation(x, p.log2_noise[p.best])
        name = self.table.hyperparameters[0]
        points = Series("batches", 2.0**self.batches, 2.0**self.rates)
        return (Picture("batch", f"optimal {name}", (points,), (Series("law", 2.0**x, 2.0**law),)),)


class NoiseScale:
    """The law of the optimal learning rate in the batch."""

    def fit(self, table: LawTable, options: LawOptions) -> NoiseScaleLaw:
        """Fit the form.

        Raises:
            InputError: Too few batches, or no learning rate.
            Inconclusive: Too few batches have an optimum inside their range.
        """
        groups = group_sizes(table)
        if len(groups.sizes) < FEWEST_BATCHES:
            raise InputError(
                f"{len(groups.sizes)} different batches for 2 parameters: "
                f"the law needs at least {FEWEST_BATCHES}"
            )
        optima = optima_of(table, groups)
        used = np.array([not reason for reason in optima.reasons])
        notes = left_out(table, groups, optima)
        if used.sum() < FEWEST_BATCHES:
            raise Inconclusive(
                f"{int(used.sum())} of {len(used)} batches have an optimum inside their range, the "
                f"law needs {FEWEST_BATCHES}; {'; '.join(notes)}"
            )
        batches = np.log2(groups.sizes[used, 0])
        return fitted_law(table, batches, _only(optima, used), options, notes)

    def size_order(self, table: LawTable) -> Array:
        """By the batch."""
        return log_product(table)


def fitted_law(
    table: LawTable,
    batches: Array,
    optima: tuple[Array, Array],
    options: LawOptions,
    notes: tuple[str, ...],
) -> NoiseScaleLaw:
    """Fit the form to optima.

    Args:
        table: The runs.
        batches: log2, shape (batches,).
        optima: log2 of the optimal learning rates, and their variances.
        options: Confidence and seed.
        notes: Caveats so far.
    """
    rates, variances = optima
    profile = profiled(batches, rates, 1 / (variances + SCATTER**2))
    if variances.any():
        profile = replace(profile, shared=SHARED)
    kept = profile.accepted(options.confidence)
    noise = Interval(
        value=float(profile.log2_noise[profile.best]),
        low=float(profile.log2_noise[max(kept[0] - 1, 0)]),
        high=float(profile.log2_noise[min(kept[-1] + 1, STEPS - 1)]),
    )
    half = student_reach(options.confidence, profile.points - 2) * np.sqrt(
        profile.variance / profile.points
    )
    half = np.hypot(half, normal_reach(options.confidence) * profile.shared)
    accepted = profile.log2_rate[kept]
    rate = Interval(
        value=float(profile.log2_rate[profile.best]),
        low=float(accepted.min() - half),
        high=float(accepted.max() + half),
    )
    ends = _open_ends(profile, kept)
    return NoiseScaleLaw(
        table=table,
        batches=batches,
        rates=rates,
        profile=profile,
        options=options,
        parameters={"epsilon_max": rate.exp2(), "B_noise": noise.exp2()},
        notes=notes,
        unidentified=ends,
    )


def saturation(log2_batch: Array | float, log2_noise: Array | float) -> Array:
    """Logarithm of (1 + B_noise/B)."""
    return np.logaddexp2(0.0, np.asarray(log2_noise) - log2_batch)


def profiled(batches: Array, rates: Array, weights: Array) -> Profile:
    """The best ε_max, in closed form, and the misfit at each noise scale of a grid."""
    grid = np.linspace(batches.min() - BEYOND, batches.max() + BEYOND, STEPS)
    bend = saturation(batches[None], grid[:, None])
    weights = weights / weights.mean()
    level = (weights * (rates + bend)).sum(axis=1) / weights.sum()
    misfit = (weights * (rates - level[:, None] + bend) ** 2).sum(axis=1)
    return Profile(grid, level, misfit, float(weights.sum()), len(batches))


def _open_ends(profile: Profile, kept: Indices) -> tuple[str, ...]:
    """Why the noise scale has no bound on a side."""
    reasons = []
    if kept[-1] == len(profile.log2_noise) - 1:
        reasons.append(
            "B_noise has no upper bound: the optimum grows in proportion to the batch over all "
            "batches, so only epsilon_max/B_noise is known; add larger batches"
        )
    if kept[0] == 0:
        reasons.append(
            "B_noise has no lower bound: the optimum does not depend on the batch over all "
            "batches; add smaller batches"
        )
    return tuple(reasons)


def _only(optima: SizeOptima, used: Mask) -> tuple[Array, Array]:
    return optima.optima[used, 0], optima.covariances[used, 0, 0]


NOISE_SCALE: LawForm = NoiseScale()
