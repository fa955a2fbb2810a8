"""What the adaptive search knows after the trials of some rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from math import inf

import numpy as np

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive_search.search_coordinates import (
    SearchedSpace,
    rung_costs,
    runs_of,
    size_point,
    varying_axes,
)
from mutransfer_cli.search.samplers.protocol import SearchProblem
from mutransfer_cli.surface.design.goal import Goal
from mutransfer_cli.surface.response.response_surface import ResponseSurface, fit_response
from mutransfer_cli.surface.response.runs import Array, Mask
from mutransfer_cli.surface.response.trend import decay_odds

SEED_BLOCK = 8  # trials of a rung that share a seed, whose level only they determine
NUDGE = 0.125  # octaves between a setting and one that stands for its repeat
MOST_TRIALS = 150  # for each hyperparameter, on all rungs


@dataclass(frozen=True)
class SearchState:
    """The trials of earlier rounds, and what follows from them.

    Attributes:
        problem: The search.
        seen: Trials that have ended, in the order in which they were proposed.
    """

    problem: SearchProblem
    seen: Sequence[Record]

    @cached_property
    def space(self) -> SearchedSpace:
        """The searched hyperparameters."""
        search = self.problem.search
        return SearchedSpace(search.space, search.extend)

    @cached_property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The sizes that make each axis."""
        return varying_axes(self.problem.rungs)

    @cached_property
    def costs(self) -> dict[Size, float]:
        """FLOPs of a trial on each rung."""
        return rung_costs(self.problem, self.seen)

    @cached_property
    def rungs(self) -> list[Size]:
        """The rungs, the cheapest first."""
        return sorted(self.problem.rungs, key=lambda size: (self.costs[size], size))

    @cached_property
    def trials(self) -> Counter[Size]:
        """How many trials of each rung have ended."""
        return Counter(record.size for record in self.seen)

    @cached_property
    def finished(self) -> set[Size]:
        """Rungs on which a trial finished."""
        return {record.size for record in self.seen if record.loss is not None}

    @property
    def trials_left(self) -> int:
        """How many trials the budget, or the limit of all searches, leaves."""
        most = MOST_TRIALS * len(self.space.names)
        return min(self.problem.search.budget.trials or most, most) - len(self.seen)

    @cached_property
    def flops_left(self) -> float:
        """The FLOPs that the budget leaves; infinite where trials do not know theirs."""
        spent = sum(record.flops for record in self.seen)
        budget = self.problem.search.budget.flops
        return inf if budget is None or not spent else budget - spent

    @cached_property
    def surface(self) -> ResponseSurface:
        """The surface fitted to the trials; at least one must have finished."""
        odds = decay_odds({axis[0] for axis in self.axes}, self.problem.limits)
        return fit_response(runs_of(self.seen, self.space, self.axes), odds)

    @cached_property
    def goal(self) -> Goal:
        """What the search is to find out."""
        search = self.problem.search
        size = self.point(self.problem.target or self.rungs[-1])
        if search.regret is not None:
            return Goal(size, None, search.regret)
        return Goal(size, np.array([search.octaves(name) for name in self.space.names]))

    def point(self, size: Size) -> Array:
        """The coordinates of a size in octaves, shape (axes,)."""
        return size_point(size, self.axes)

    def optimum_draws(self, size: Size) -> Array:
        """Draws of the optimum at a size in octaves, shape (draws, hyperparameters)."""
        return self.surface.at(self.point(size)).optimum

    def hopeless(self, center: Array) -> Callable[[Array], Mask]:
        """Says which settings are nearest to a trial that diverged, as seen from the optima.

        Args:
            center: The optimum of the settings' rung in octaves, shape (hyperparameters,).
        """
        runs = self.surface.runs
        optima = np.array([np.median(self.surface.at(z).optimum, axis=0) for z in runs.rungs])
        ran = runs.settings - optima[runs.rung]

        def nearest_diverged(settings: Array) -> Mask:
            distance = (((settings - center)[:, None, :] - ran[None, :, :]) ** 2).sum(2)
            return np.asarray(runs.diverged[distance.argmin(1)])

        return nearest_diverged

    def jobs(self, trials: Iterable[tuple[Size, Array]]) -> list[Job]:
        """Jobs for settings in octaves.

        A repeat of a setting takes the next of the recipe's seeds; after these, settings next to
        it, as training is deterministic.
        """
        taken = {record.key for record in self.seen}
        number, jobs = Counter(self.trials), []
        for size, point in trials:
            job = next(
                job
                for job in self._repeats(size, point, number[size] // SEED_BLOCK)
                if job.key not in taken
            )
            taken.add(job.key)
            number[size] += 1
            jobs.append(job)
        return jobs

    def _repeats(self, size: Size, point: Array, turn: int) -> Iterator[Job]:
        """A setting with all seeds, then settings ever further from it.

        Args:
            size: The rung.
            point: The setting in octaves, shape (hyperparameters,).
            turn: Which seed comes first.
        """
        first, seeds = self.problem.first_seed, self.problem.search.seeds
        for distance in count():
            for away in sorted({distance * NUDGE, -distance * NUDGE}):
                (beside,) = self.space.on_lattice(point[None] + away)
                setting = self.space.setting(beside)
                for later in range(seeds):
                    yield Job(size, first + (turn + later) % seeds, setting)
