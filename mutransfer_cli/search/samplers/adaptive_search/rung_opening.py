"""The first trials of a rung in the adaptive search: which, how many, and whether they suffice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.adaptive_search.search_state import SearchState
from mutransfer_cli.search.samplers.adaptive_search.start_design import (
    HALF_WIDTH,
    KNOWN_HALF_WIDTH,
    KNOWN_SAVES,
    NARROWEST,
    affordable_count,
    box_design,
    start_count,
)
from mutransfer_cli.surface.design.goal import Goal
from mutransfer_cli.surface.response.runs import Array, Mask

LOCATED = 1.5  # octaves: half-width at which the cheapest rung's optimum is known well enough
LOCATING_TRIALS = (24, 8)  # in all or for each hyperparameter, before larger rungs start anyway
LOCATING_SHARE = 0.15  # of the FLOPs of the budget, at most
LOCATING_TRIALS_SHARE = 0.4  # of the trials of the budget, at most
LOWER = (1.0, 5.0)  # octaves below the lowest learning rate that diverged, where all did
EDGE = 1.0  # octaves from the end of a range
BEST_TRIALS = 2  # for each hyperparameter, whose mean says where the optimum is


@dataclass(frozen=True)
class RungOpening:
    """The first trials of the rungs.

    Attributes:
        state: The trials so far.
    """

    state: SearchState

    def first(self) -> list[Job]:
        """The first trials of the search, about the recipe's values."""
        state = self.state
        known = state.problem.start_rate is not None
        half = np.array(
            [KNOWN_HALF_WIDTH if known and n == "lr" else HALF_WIDTH for n in state.space.names]
        )
        center = state.space.start(state.problem.defaults)
        return self._start(state.rungs[0], center, half, KNOWN_SAVES if known else 0)

    def next_rung(self) -> list[Job]:
        """The first trials of the next rung that the budget pays for, about its likely optimum."""
        for size in self.state.rungs:
            if not self.state.trials[size]:
                optimum = self.state.optimum_draws(size)
                half = np.clip(1.0 + optimum.std(0), NARROWEST, HALF_WIDTH)
                jobs = self._start(size, np.median(optimum, axis=0), half)
                if jobs:
                    return jobs
        return []

    def lower(self) -> list[Job]:
        """Trials at lower learning rates on a rung where none finished."""
        for size in self.state.rungs:
            if self.state.trials[size] and size not in self.state.finished:
                jobs = self._lower(size)
                if jobs:
                    return jobs
        return []

    def locating_goal(self) -> Goal | None:
        """What the cheapest rung is to tell before larger ones start; None: they may start."""
        state = self.state
        size, p = state.rungs[0], len(state.space.names)
        if any(state.trials[other] for other in state.rungs[1:]):
            return None
        goal = Goal(state.point(size), np.full(p, LOCATED))
        trials = state.trials[size]
        spent = trials * state.costs[size]
        if (
            trials >= start_count(0, p) + max(LOCATING_TRIALS[0], LOCATING_TRIALS[1] * p)
            or trials >= LOCATING_TRIALS_SHARE * (trials + state.trials_left)
            or spent >= LOCATING_SHARE * (spent + state.flops_left)
            or goal.is_reached(state.surface)
        ):
            return None
        return goal

    def at_edge(self) -> str | None:
        """A hyperparameter whose optimum is not inside its range on the cheapest rung."""
        state = self.state
        size = state.rungs[0]
        goal = Goal(state.point(size), np.full(len(state.space.names), LOCATED))
        half = goal.half_widths(state.surface)
        edges = zip(state.space.names, half, self._best_at_edge(size), strict=True)
        return next((name for name, width, edge in edges if width > LOCATED and edge), None)

    def _best_at_edge(self, size: Size) -> Mask:
        """Whether the best trials of a rung are at an end of the range of each hyperparameter."""
        space = self.state.space
        finished = [r for r in self.state.seen if r.size == size and r.loss is not None]
        best = sorted(finished, key=lambda r: r.loss or 0.0)[: BEST_TRIALS * len(space.names)]
        points = np.array([space.point(r.params) for r in best]).mean(0)
        low, high = space.range
        return np.asarray((points < low + EDGE) | (points > high - EDGE))

    def _start(self, size: Size, center: Array, half: Array | float, saved: int = 0) -> list[Job]:
        """Trials in a box on a rung; none where the budget does not pay for enough of them.

        Args:
            size: The rung.
            center: Center of the box in octaves, shape (hyperparameters,).
            half: Half its sides.
            saved: How many trials fewer than usual.
        """
        state = self.state
        p, number = len(state.space.names), state.rungs.index(size)
        planned = start_count(number, p) - saved
        paid = min(state.trials_left, state.flops_left / state.costs[size])
        count = affordable_count(planned, p + 2, paid, number)
        if not count:
            return []
        seed = (state.problem.first_seed, number)
        sides = np.broadcast_to(half, center.shape)
        hopeless = state.hopeless(center) if state.finished else None
        points = box_design(state.space, center, sides, count, seed, hopeless)
        return state.jobs((size, point) for point in points)

    def _lower(self, size: Size) -> list[Job]:
        """Trials at lower learning rates than any of a rung; none below the range."""
        space = self.state.space
        if "lr" not in space.names:
            return []
        j = space.names.index("lr")
        points = np.array([space.point(r.params) for r in self.state.seen if r.size == size])
        bottom, top = points.min(0), points.max(0)
        lowest, floor = bottom[j], space.range[0][j]
        if lowest <= floor + 1e-9:
            return []
        bottom[j] = max(lowest - LOWER[1], floor)
        top[j] = max(lowest - LOWER[0], bottom[j])
        return self._start(size, (bottom + top) / 2, (top - bottom) / 2)
