"""The loss of one run at a target: the level there, the cost of the choice, and a run's scatter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.forecast.target_surface import TargetSurface
from mutransfer_cli.fit.transfer.loss_levels import loss_exponents, loss_moments
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.forecast.run_scatter import run_scatter
from mutransfer_cli.surface.laws.loss_forecast import forecast_loss
from mutransfer_cli.surface.student import student_reach

Array = NDArray[np.float64]


def target_loss(at_target: TargetSurface) -> tuple[Interval | None, str, str | None]:
    """The loss, how it was predicted, and why it or its interval is missing.

    Args:
        at_target: The surface at the target.
    """
    surface, study = at_target.surface, at_target.surface.study
    level, covariance = loss_moments(surface)
    try:
        forecast = forecast_loss(
            level,
            covariance,
            study.runs.rungs,
            study.size(at_target.target),
            surface.confidence,
            exponents=loss_exponents(study),
        )
    except Inconclusive as error:
        return None, "no loss", f"is not predicted: {error}"
    regret = surface.regret_draws(study.setting(at_target.choice), at_target.target)
    unit = forecast.loss.value if study.scale.logarithmic else study.scale.unit
    deviation, freedom = run_scatter(surface.surface)
    scatter = unit * deviation * student_reach(surface.confidence, freedom)
    loss = with_scatter(forecast.loss, unit * float(np.median(regret)), scatter)
    unvaried = [e.axis for e in at_target.extents if e.fault is not None and e.span == 0]
    if unvaried:
        fault = f"is that of the runs' own {' and '.join(unvaried)}, and has no interval"
        return Interval(value=loss.value), forecast.method, fault
    return loss, forecast.method, None


def with_scatter(level: Interval, cost: float, scatter: float) -> Interval:
    """The loss of a run from the level at its size.

    Args:
        level: The level, with bounds.
        cost: Extra loss of the setting.
        scatter: Half-width of the interval of a run about the level; independent of the level's
            own error, so that squares add.
    """
    assert level.low is not None and level.high is not None
    value = level.value + cost
    below = float(np.hypot(level.value - level.low, scatter))
    above = float(np.hypot(level.high - level.value, scatter))
    return Interval(value=value, low=value - below, high=value + above)
