"""What a pilot at the target is to a ladder: further runs of it, or a measurement of its optimum.

The optimum of a short run is not that of the target. If the ladder varies the training length, the
surface knows by how much, and the pilot's runs join it. Otherwise the horizon rule says how the
learning rate changes, with an exponent that published measurements disagree about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log2

import numpy as np

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.study.size_axes import SAME, TOKENS, Sizes, sizes_of
from mutransfer_cli.fit.study.study_runs import StudyRuns
from mutransfer_cli.fit.target.target_sizes import shown
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.surface.forecast.pilot import PilotRuns
from mutransfer_cli.surface.observation import Observation

LENGTHS = ("steps", TOKENS)
# The exponent of the learning rate in the training length where no rule is applied: the middle of
# Complete(d)P's -1/2 and Bjorck's -0.32 (arXiv 2409.19913).
EXPONENT = -0.41
# Bjorck et al. report exponents from -0.3 to -0.7 across sizes; read as a 90 % range.
EXPONENT_SD = 0.12


@dataclass(frozen=True)
class PilotAtTarget:
    """A pilot whose runs are at the target, or at the target but for their length.

    Attributes:
        runs: The pilot.
        shortfall: Octaves by which it is shorter than the target.
    """

    runs: LadderRuns
    shortfall: float

    @property
    def observations(self) -> list[Observation]:
        """The runs that finished."""
        return [o for o in self.runs.observations if o.loss is not None]

    def joins(self, study: StudyRuns) -> bool:
        """Whether the surface of a ladder can hold the pilot's runs as further runs."""
        return self.shortfall <= SAME or any(axis.name in LENGTHS for axis in study.axes)

    def measurement(self, study: StudyRuns, recipe: Recipe | None) -> PilotRuns:
        """The pilot as a measurement of the target's optimum.

        Args:
            study: The ladder.
            recipe: The recipe of the ladder's runs; None for a table.

        Raises:
            InputError: The pilot lacks a hyperparameter of the ladder.
        """
        names, rows = study.names, self.observations
        settings = [{"lr": o.lr, **o.params} for o in rows]
        for name in names:
            if any(name not in setting for setting in settings):
                raise InputError(f"--pilot {self.runs.source}: has no {name}, which the runs vary")
        shift = np.array([lr_shift(recipe, self.shortfall) if n == "lr" else 0.0 for n in names])
        return PilotRuns(
            settings=np.array([study.setting(setting) for setting in settings]),
            losses=study.scale.transformed(np.array([o.loss for o in rows], dtype=float)),
            shift=shift,
            shift_sd=np.full(len(names), EXPONENT_SD * self.shortfall),
        )


def lr_shift(recipe: Recipe | None, shortfall: float) -> float:
    """Octaves by which the pilot's optimal learning rate is expected above the target's.

    Where a horizon rule is applied to rates that are quoted at the base, it is none.

    Args:
        recipe: The recipe of the ladder's runs; None for a table.
        shortfall: Octaves by which the pilot is shorter than the target.
    """
    applied = recipe is not None and recipe.rules.horizon != "none"
    return 0.0 if applied else -EXPONENT * shortfall


def pilot_at(runs: LadderRuns, target: Sizes) -> PilotAtTarget:
    """A pilot for a target.

    Args:
        runs: The runs of a table or a run directory; those at other sizes are left out.
        target: The sizes of the target.

    Raises:
        InputError: No run is at the target, they differ in length, or too few finished.
    """
    there = [o for o in runs.observations if _at(sizes_of(o), target)]
    if not there:
        raise InputError(
            f"--pilot {runs.source}: no run at the target, {shown(target)}, of any length; found "
            f"{shown(sizes_of(runs.observations[0]))}"
        )
    shortfalls = sorted({round(_shortfall(sizes_of(o), target), 2) for o in there})
    if len(shortfalls) > 1:
        raise InputError(f"--pilot {runs.source}: its runs differ in length; expected one length")
    pilot = PilotAtTarget(replace(runs, observations=tuple(there)), max(0.0, shortfalls[0]))
    settings = {(o.lr, *sorted(o.params.items())) for o in pilot.observations}
    if len(settings) < 2:
        raise InputError(
            f"--pilot {runs.source}: runs at {len(settings)} setting finished; a pilot needs at "
            "least two, better three"
        )
    return pilot


def _at(sizes: Sizes, target: Sizes) -> bool:
    """Whether a run is at the target, but for its length."""
    compared = [name for name in sizes if name not in LENGTHS and name in target]
    return all(abs(log2(sizes[name] / target[name])) <= SAME for name in compared)


def _shortfall(sizes: Sizes, target: Sizes) -> float:
    """Octaves by which a run is shorter than the target; 0 where the lengths are unknown."""
    known = [name for name in LENGTHS if sizes.get(name) and target.get(name)]
    return log2(target[known[0]] / sizes[known[0]]) if known else 0.0
