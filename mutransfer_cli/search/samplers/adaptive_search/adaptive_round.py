"""One round of the adaptive search, given the trials of earlier rounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers.adaptive_search.rung_opening import RungOpening
from mutransfer_cli.search.samplers.adaptive_search.search_state import SearchState
from mutransfer_cli.surface.design.goal import Goal, attainable, candidate_settings
from mutransfer_cli.surface.design.next_trials import Candidates, next_trials, outlooks

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
        reached: Whether the precision is reached, which these trials are to confirm.
    """

    jobs: list[Job]
    reason: str = ""
    reached: bool = False


@dataclass(frozen=True)
class AdaptiveRound:
    """The decision on one round.

    Attributes:
        state: The trials of earlier rounds.
        confirmed: Whether the precision was reached before the last round too.
    """

    state: SearchState
    confirmed: bool = False

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
        reached = state.goal.is_reached(state.surface)
        reason = self._reached() if reached and self.confirmed else self._end()
        if reason:
            return Round([], reason)
        narrowing = self._narrowing(state.goal, state.finished, confirm=reached)
        if reached and not narrowing.jobs:
            return Round([], f"{self._reached()}; {narrowing.reason}")
        return narrowing._replace(reached=reached)

    def _narrowing(self, goal: Goal, sizes: Collection[Size], confirm: bool = False) -> Round:
        """The trials that serve a goal most for their cost.

        Args:
            goal: The goal.
            sizes: Rungs on which they may be.
            confirm: Whether the largest of these rungs is also to try its likely optimum, which
                shows whether the surface is right there.
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
        trials = [(size_of[i], candidates.settings[i]) for i in chosen]
        if confirm and trials:
            largest = max(sizes, key=state.rungs.index)
            optimum = np.median(state.optimum_draws(largest), axis=0)
            trials[-1] = (largest, state.space.on_lattice(optimum[None])[0])
        jobs = state.jobs(trials)
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

    @property
    def _known(self) -> str:
        """How well every optimum is known."""
        half = self.state.goal.half_widths(self.state.surface)
        named = zip(self.state.space.names, half, strict=True)
        return ", ".join(f"{name} to ±{h:.2f}" for name, h in named) + " octaves"

    def _reached(self) -> str:
        """That the precision is reached."""
        goal = self.state.goal
        what = self._known if goal.regret is None else f"a regret of at most {goal.regret:.2%}"
        return f"search.precision is reached: {what}"

    def _end(self) -> str:
        """Why the search ends before its precision is reached; empty if it goes on."""
        state, goal = self.state, self.state.goal
        half = goal.half_widths(state.surface)
        low, high = state.space.range
        draws = state.optimum_draws(state.rungs[-1])
        outside = ((draws < low) | (draws > high)).mean(0)
        for name, share in zip(state.space.names, outside, strict=True):
            if share > OUTSIDE:
                return f"the optimum of {name} is beyond its range in search.space"
        limit = NEAR_LIMIT * attainable(state.surface, goal.size)
        tolerances = np.zeros(len(half)) if goal.tolerances is None else goal.tolerances
        if (half <= np.maximum(tolerances, limit)).all() and not goal.is_reached(state.surface):
            return (
                f"search.precision cannot be reached: {self._known} is what this ladder allows; "
                "add a rung nearer the target"
            )
        if state.trials_left <= 0:
            return f"it takes no more than {len(state.seen)} trials: {self._known}"
        return ""
