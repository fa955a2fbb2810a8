"""The loss at a size beyond a ladder, as a prediction interval.

    level = E + Σ_j A_j·2^(−α_j·z_j)·(1 + ρ_j·2^(−δ_j·z_j)) + scatter of a rung        z in octaves

averaged as in `loss/averaged_powers.py`, since a ladder has few rungs. z = 0 is the largest rung.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.confidence import CONFIDENCE
from mutransfer_cli.errors import Inconclusive, InputError
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.laws.law_form import Array
from mutransfer_cli.surface.laws.loss.averaged_powers import AveragedPowers
from mutransfer_cli.surface.laws.loss.shared_scatter import Scatter
from mutransfer_cli.surface.laws.loss.tempered_sampling import tempered_draws

FEWEST_RUNGS = 3
DRAWS_LOG2 = 12  # draws, as a power of 2
EXPONENT_MEDIAN = 0.4  # |α|, octaves of the reducible loss per octave
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
    confidence: float = CONFIDENCE,
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
    octaves = sizes - centre
    law = AveragedPowers(levels, octaves, medians, (Scatter.of(covariance, octaves),))
    normal = tempered_draws(law.log_likelihood, law.size, DRAWS_LOG2, seed)
    parameters = law.parameters(normal)
    new = law.new_levels(parameters, (target - centre)[None], seed)[:, 0]
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
