"""The response surface of a ladder at a target, with what the ladder supports there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.support import Extent, extents, unsupported
from mutransfer_cli.fit.study.size_axes import SAME, Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface, study_surface
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.response.response_surface import excess_at, interval

# Octaves per octave by which an optimum may move along an axis that no run varies, beyond the rule
# that is applied: half the range of published exponents of the learning rate in the training
# length, 0 to -0.5 (assumption for the other axes).
DRIFT_SD = 0.25
SEED = 3


@dataclass(frozen=True)
class TargetSurface:
    """The surface of a ladder at a target.

    Attributes:
        surface: The surface.
        target: The sizes of the target.
        extents: How far the target is beyond the ladder along each axis.
    """

    surface: StudySurface
    target: Sizes
    extents: tuple[Extent, ...]

    @property
    def fault(self) -> str | None:
        """Why the optimum has no interval; None where it has one."""
        return unsupported(self.extents)

    @property
    def distance(self) -> float:
        """Octaves beyond the largest rung, along the axis where it is most."""
        return max((extent.beyond for extent in self.extents), default=0.0)

    @property
    def choice(self) -> dict[str, float]:
        """The setting of lowest expected regret."""
        return self.surface.choice(self.target)

    def optimum(self) -> dict[str, Interval]:
        """The choice of every hyperparameter, with the interval of its optimum if supported."""
        intervals = {} if self.fault is not None else self.surface.optimum(self.target)
        return {
            name: intervals[name].model_copy(update={"value": value})
            if name in intervals
            else Interval(value=value)
            for name, value in self.choice.items()
        }

    def regret(self) -> Interval:
        """The relative extra loss of the choice.

        Along axes of which the ladder says nothing, the optimum moves by as much as published
        exponents differ.
        """
        surface, study = self.surface.surface, self.surface.study
        at = surface.at(study.size(self.target))
        rng = np.random.default_rng(SEED)
        moved = at.optimum + self.unknown_drift * rng.standard_normal(at.optimum.shape)
        excess = excess_at(surface.draws, replace(at, optimum=moved), study.setting(self.choice))
        return interval(study.scale.relative(excess), self.surface.confidence)

    @property
    def unknown_drift(self) -> float:
        """Standard deviation of the optimum's move along axes that the ladder does not vary."""
        unknown = [extent.beyond for extent in self.extents if extent.span <= SAME]
        return float(np.hypot.reduce(DRIFT_SD * np.array([0.0, *unknown])))


def surface_at(runs: LadderRuns, target: Sizes, confidence: float) -> TargetSurface:
    """The surface of a ladder at a target.

    Args:
        runs: The ladder.
        target: The sizes of the target.
        confidence: Confidence level of all intervals, between 0 and 1.

    Raises:
        InputError: No run finished.
    """
    try:
        surface = study_surface(runs.observations, spaces=runs.spaces, confidence=confidence)
    except InputError as error:
        raise InputError(f"{runs.source}: {error}") from error
    study = surface.study
    return TargetSurface(surface, target, tuple(extents(study.rungs, study.axes, target)))


def outside_notes(at_target: TargetSurface) -> list[str]:
    """A note for each hyperparameter whose choice is outside the values that were tried."""
    study, notes = at_target.surface.study, []
    finished = study.runs.settings[~study.runs.diverged]
    choice = at_target.choice
    for j, c in enumerate(study.hyperparameters.coordinates):
        low, high = float(finished[:, j].min()), float(finished[:, j].max())
        if not low <= c.position(choice[c.name]) <= high:
            notes.append(
                f"{c.name} {choice[c.name]:.4g} is outside the values at which runs finished, "
                f"{c.value(low):.4g} to {c.value(high):.4g}"
            )
    return notes
