"""Fits a ladder along one axis: optima, drift, regret and the verdict on transfer."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.drift import DriftLine, RungVertex, drift_line
from mutransfer_cli.surface.curves.loss_transform import LossTransform
from mutransfer_cli.surface.curves.regret import Regret, regrets
from mutransfer_cli.surface.curves.rung_optima import RungFit, RungFits, fit_rungs
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)

DRIFT_TOLERANCE = 0.25  # octaves per doubling; transfer holds up to this drift

TransferVerdict: TypeAlias = Literal["holds", "fails", "inconclusive"]


@dataclass(frozen=True)
class LadderFit:
    """What a ladder along one axis shows.

    Attributes:
        axis: The axis along which the rungs differ.
        rungs: The fit of each rung by its size along the axis, small to large.
        transform: The transform that was applied to the losses before fitting.
        line: The drift of the optimum; None for fewer than two optima.
        regrets: The cost of the smallest rung's optimum at each larger rung; empty if the
            smallest rung has no optimum.
        verdict: Whether the drift stays within `DRIFT_TOLERANCE`.
        reason: The reason for the verdict, and what to change if it is inconclusive.
        source: Size of the largest rung that has an optimum; None if no rung has one.
        noise: Standard deviation of a loss about its seed's level; None if it is unknown.
    """

    axis: str
    rungs: dict[float, RungFit]
    transform: LossTransform
    line: DriftLine | None
    regrets: tuple[Regret, ...]
    verdict: TransferVerdict
    reason: str
    source: float | None
    noise: float | None

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The optimum of the source rung; empty if there is none."""
        if self.source is None:
            return {}
        rung = self.rungs[self.source]
        assert rung.optimum is not None and rung.curve is not None
        return {"lr": 2.0**rung.optimum.value, **rung.curve.setting}


def fit_ladder(
    observations: Sequence[Observation], *, axis: str = "width", confidence: float = 0.95
) -> LadderFit:
    """Optimum of each rung along one axis, drift, regret and verdict.

    Args:
        observations: Runs whose sizes differ along the axis only (for the batch: at equal tokens).
        axis: Name of the size by which they differ.
        confidence: Confidence level of all intervals, between 0 and 1.
    """
    by_size: dict[float, list[Observation]] = defaultdict(list)
    for o in observations:
        by_size[o.along(axis)].append(o)
    fits = fit_rungs({size: by_size[size] for size in sorted(by_size)}, confidence)
    transform, noise = fits.curves.transform, fits.noise
    log.info(
        "rungs of %s %s: parabolas through the %s",
        axis,
        ", ".join(map(str, fits.rungs)),
        "logarithms of the losses" if transform.logarithmic else "losses",
    )
    for size, rung in fits.rungs.items():
        if rung.note:
            log.info("%s %g: no optimum: %s", axis, size, rung.note)
    resolved = [size for size, rung in fits.rungs.items() if rung.optimum is not None]
    line = optimum_line(fits, confidence)
    verdict, reason = judge(fits.rungs, line.drift if line else None, axis)
    deviation = None
    if noise is not None:
        parabolas = fits.curves.parabolas.values()
        deviation = transform.standard_deviation(noise.variance**0.5, parabolas)
    return LadderFit(
        axis=axis,
        rungs=fits.rungs,
        transform=transform,
        line=line,
        regrets=ladder_regrets(fits, confidence),
        verdict=verdict,
        reason=reason,
        source=max(resolved, default=None),
        noise=deviation,
    )


def optimum_line(fits: RungFits[float], confidence: float) -> DriftLine | None:
    """The drift line through the optima of a ladder; None for fewer than two."""
    if fits.noise is None:
        return None
    vertices = [
        RungVertex(size, rung.optimum.value, rung.parabola.vertex_variance(fits.noise.variance))
        for size, rung in fits.rungs.items()
        if rung.optimum is not None and rung.parabola is not None
    ]
    return drift_line(vertices, fits.noise, confidence)


def ladder_regrets(fits: RungFits[float], confidence: float) -> tuple[Regret, ...]:
    """The regret of the smallest rung's optimum; empty if that rung has none."""
    smallest = min(fits.rungs)
    source = fits.rungs[smallest]
    if fits.noise is None or source.optimum is None or source.parabola is None:
        return ()
    larger = {size: p for size, p in fits.curves.parabolas.items() if size > smallest}
    return regrets(source.parabola, larger, fits.noise, fits.curves.transform, confidence)


def judge(
    rungs: Mapping[float, RungFit], drift: Interval | None, axis: str
) -> tuple[TransferVerdict, str]:
    """The verdict that the interval of the drift implies, and the reason for it.

    Args:
        rungs: The fit of each rung by its size along the axis.
        drift: Drift in octaves of the learning rate per doubling; None if it was not measured.
        axis: Name of the axis.
    """
    if drift is None or drift.low is None or drift.high is None:
        notes = "; ".join(
            f"{axis} {size}: {rung.note}" for size, rung in rungs.items() if rung.note
        )
        if all(rung.optimum is None for rung in rungs.values()):
            return "inconclusive", f"no rung has an optimum inside its range ({notes})"
        more = f" ({notes})" if notes else f"; add a {axis} to the ladder"
        return "inconclusive", f"an optimum at one {axis} only{more}"
    movement = f"the optimum moves by {drift.value:+.2f} octaves per doubling of the {axis}"
    interval = f"interval {drift.low:+.2f} to {drift.high:+.2f}"
    if drift.low >= -DRIFT_TOLERANCE and drift.high <= DRIFT_TOLERANCE:
        return "holds", f"{movement}, {interval}, within ±{DRIFT_TOLERANCE}"
    if drift.low > DRIFT_TOLERANCE or drift.high < -DRIFT_TOLERANCE:
        return "fails", f"{movement}, {interval}, outside ±{DRIFT_TOLERANCE}"
    return (
        "inconclusive",
        f"{movement}, {interval}, which crosses ±{DRIFT_TOLERANCE}; add seeds or a longer ladder",
    )
