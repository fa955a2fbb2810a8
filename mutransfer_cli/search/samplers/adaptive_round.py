"""One round of the adaptive search, given the trials of earlier rounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.rung_opening import RungOpening
from mutransfer_cli.search.samplers.search_state import SearchState
from mutransfer_cli.surface.response.goal import Goal, attainable, candidate_settings
from mutransfer_cli.surface.response.next_trials import Candidates, next_trials, outlooks

SMALLEST_ROUND = 8  # trials: what a population needs to be fast
ROUND_SHARE = 0.25  # of the trials so far that the next round adds
BOXES = (3.0, 1.5)  # octaves, half the sides of the boxes of candidates about an optimum
CANDIDATES = 512  # on all rungs
NEAR_LIMIT = 1.1  # times what the ladder allows: narrower is not worth trials
OUTSIDE = 0.8  # share of the draws of an optimum beyond the range that ends the search


class Round(NamedTuple):
    """A round of trials.

    Attributes:
        jobs: The trials; none: the search has ended.
        reason: Why it has ended.
    """

    jobs: list[Job]
    reason: str = ""


@dataclass(frozen=True)
class AdaptiveRound:
    """The decision on one round.

    Attributes:
        state: The trials of earlier rounds.
    """

    state: SearchState

    def next_round(self) -> Round:
        """The trials to run next."""
        state, opening = self.state, RungOpening(self.state)
        if not state.seen:
            return Round(opening.first())
        lower = opening.lower()
        if lower:
            return Round(lower)
        cheapest = state.rungs[0]
        if cheapest not in state.finished:
            return Round([], f"no trial of width {cheapest.width} finished at any learning rate")
        locating = opening.locating_goal()
        if locating is not None:
            return self._narrowing(locating, {cheapest})
        edge = opening.at_edge()
        if edge is not None:
            return Round([], f"the best trials are at the end of the range of {edge}")
        opened = opening.next_rung()
        if opened:
            return Round(opened)
        reason = self._end()
        if reason:
            return Round([], reason)
        return self._narrowing(state.goal, state.finished)

    def _narrowing(self, goal: Goal, sizes: Collection[Size]) -> Round:
        """The trials that serve a goal most for their cost.

        Args:
            goal: The goal.
            sizes: Rungs on which they may be.
        """
        state = self.state
        size_of, candidates = self.candidates(sizes)
        count = max(SMALLEST_ROUND, int(ROUND_SHARE * len(state.seen)))
        chosen = next_trials(
            outlooks(state.surface, candidates, goal.size),
            candidates.costs,
            goal.importance(state.surface),
            min(count, state.trials_left),
            state.flops_left,
        )
        jobs = state.jobs((size_of[i], candidates.settings[i]) for i in chosen)
        return Round(jobs, "" if jobs else "the budget pays for no further trial")

    def candidates(self, sizes: Collection[Size]) -> tuple[list[Size], Candidates]:
        """Trials that could be run, and the rung of each.

        Args:
            sizes: Rungs on which they may be.
        """
        state = self.state
        size_of: list[Size] = []
        pieces, rungs = [], []
        each = max(16, 2 ** int(np.log2(CANDIDATES / len(sizes) / len(BOXES))))
        for number, size in enumerate(state.rungs):
            if size not in sizes:
                continue
            at = state.surface.at(state.point(size))
            center = np.median(at.optimum, axis=0)
            seed = (state.problem.first_seed, len(state.seen), number)
            points = state.space.on_lattice(candidate_settings(center, BOXES, each, seed))
            points = points[~state.hopeless(center)(points)]
            pieces.append(points)
            rungs.append(np.full(len(points), at.rung, dtype=np.intp))
            size_of += [size] * len(points)
        costs = np.array([state.costs[size] for size in size_of])
        return size_of, Candidates(np.vstack(pieces), np.concatenate(rungs), costs)

    def _end(self) -> str:
        """Why the search ends here; empty if it goes on."""
        state, goal = self.state, self.state.goal
        half = goal.half_widths(state.surface)
        names = state.space.names
        known = ", ".join(f"{name} to ±{h:.2f}" for name, h in zip(names, half, strict=True))
        if goal.is_reached(state.surface):
            if goal.tolerances is None:
                return f"search.precision is reached: a regret of at most {goal.regret:.2%}"
            return f"search.precision is reached: {known} octaves"
        low, high = state.space.range
        draws = state.optimum_draws(state.rungs[-1])
        outside = ((draws < low) | (draws > high)).mean(0)
        for name, share in zip(names, outside, strict=True):
            if share > OUTSIDE:
                return f"the optimum of {name} is beyond its range in search.space"
        limit = NEAR_LIMIT * attainable(state.surface, goal.size)
        tolerances = np.zeros(len(half)) if goal.tolerances is None else goal.tolerances
        if (half <= np.maximum(tolerances, limit)).all():
            return (
                f"search.precision cannot be reached: {known} octaves is what this ladder allows; "
                "add a rung nearer the target"
            )
        if state.trials_left <= 0:
            return f"it takes no more than {len(state.seen)} trials: {known} octaves"
        return ""
