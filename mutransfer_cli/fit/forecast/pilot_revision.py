"""Revises the surface at a target by a pilot, and says what changed."""

from __future__ import annotations

from dataclasses import replace

from mutransfer_cli.documents.predict import Pilot
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.pilot_runs import PilotAtTarget
from mutransfer_cli.fit.forecast.target_surface import TargetSurface, surface_at
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.surface.forecast.pilot import revised_by


def revised(
    before: TargetSurface, runs: LadderRuns, pilot: PilotAtTarget
) -> tuple[TargetSurface, str]:
    """The surface at the target revised by a pilot, and how.

    Args:
        before: Without the pilot.
        runs: The ladder.
        pilot: The pilot.

    Raises:
        InputError: The pilot lacks a hyperparameter of the ladder.
    """
    surface, study = before.surface, before.surface.study
    if pilot.joins(study):
        joined = replace(runs, observations=(*runs.observations, *pilot.runs.observations))
        after = surface_at(joined, before.target, surface.confidence)
        return after, "the pilot's runs joined those of the ladder"
    size = study.size(before.target)
    reduced = revised_by(surface.surface, size, pilot.measurement(study, runs.recipe))
    method = (
        "the pilot measured the optimum; that of the target is as far from it as the horizon rule "
        "says, within the spread of published exponents"
    )
    return before.with_surface(reduced), method


def revision_document(
    pilot: PilotAtTarget, before: TargetSurface, after: TargetSurface, method: str
) -> Pilot:
    """What a pilot changed.

    Args:
        pilot: The pilot.
        before: The surface without it.
        after: The surface with it.
        method: How it was used.
    """
    old, new = before.optimum(), after.optimum()
    name = next(iter(new))
    widths = [
        (high - low) / 2
        for surface in (before.surface, after.surface)
        for low, high in [surface_bounds(surface, name, before.target)]
    ]
    change = (
        f"{name} from {old[name].value:.4g} to {new[name].value:.4g}; half the width of its "
        f"interval from {widths[0]:.2g} to {widths[1]:.2g} octaves"
    )
    return Pilot(
        source=pilot.runs.source,
        runs=len(pilot.observations),
        shortfall=pilot.shortfall,
        before=old,
        method=method,
        change=change,
    )


def surface_bounds(surface: StudySurface, name: str, target: Sizes) -> tuple[float, float]:
    """The bounds of the interval of an optimum, in coordinates.

    Args:
        surface: The surface.
        name: The hyperparameter.
        target: The sizes of the target.
    """
    bounds = surface.positions(target)[name]
    assert bounds.low is not None and bounds.high is not None
    return bounds.low, bounds.high
