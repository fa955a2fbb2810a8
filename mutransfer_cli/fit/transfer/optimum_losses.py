"""Draws of the loss at the optimum of a target, on both sides of a comparison."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.transfer.loss_levels import loss_exponents, loss_moments
from mutransfer_cli.surface.laws.loss_forecast import forecast_loss
from mutransfer_cli.surface.student import normal_reach
from mutransfer_cli.surface.transfer.tuning_budget import SIMULATED

Array = NDArray[np.float64]

SEED = 11


def losses_at_optimum(
    sides: Sequence[StudySurface], there: Sizes, names: tuple[str, str]
) -> tuple[list[Array | None], dict[str, str]]:
    """Draws of the loss at the target's optimum on each side, and why there are none.

    Args:
        sides: Both sides.
        there: The sizes of the target.
        names: What the sides are called.
    """
    losses: list[Array | None] = []
    for number, side in enumerate(sides):
        try:
            value, deviation = _loss_moments(side, there)
        except Inconclusive as error:
            return [None, None], {"loss": f"{names[number]}: no loss at the target: {error}"}
        rng = np.random.default_rng([SEED, number])
        losses.append(value + deviation * rng.standard_normal(SIMULATED))
    return losses, {}


def _loss_moments(side: StudySurface, there: Sizes) -> tuple[float, float]:
    """Mean and standard deviation of the loss at the optimum of a size.

    Raises:
        Inconclusive: The rungs give no forecast of the loss there.
    """
    study = side.study
    levels, covariance = loss_moments(side)
    rung = side.surface.at(study.size(there)).rung
    if rung is not None:
        return float(levels[rung]), float(np.sqrt(covariance[rung, rung]))
    found = forecast_loss(
        levels,
        covariance,
        study.runs.rungs,
        study.size(there),
        side.confidence,
        exponents=loss_exponents(study),
    ).loss
    width = normal_reach(side.confidence)
    return found.value, float(found.half_width / width)
