"""Every combination on every rung, grown along lr until the optimum is bracketed."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.growing_grid import grid_jobs, left_out
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount


class GridSampler:
    """Runs a full grid on every rung."""

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """All trials of the grid, including those that it has grown by."""
        problem = self.problem
        return grid_jobs(problem.search, problem.rungs, problem.seeds, records, problem.start_rate)

    def growth(self, records: Sequence[Record]) -> str | None:
        """By how many trials the grid has grown because the best rate of a rung is at its edge."""
        first = self.count_trials().each * len(self.problem.rungs)
        total = len({job.key for job in self.propose(records)})
        if total <= first:
            return None
        return (
            f"the grid of learning rates has grown from {first} to {total} trials: the best of a "
            "rung is near its edge"
        )

    def count_trials(self) -> TrialCount:
        """The size of the grid; `at_most` counts every rung's grid as grown to its limit."""
        search = self.problem.search
        below, above = left_out(search, self.problem.start_rate)
        lines = prod(len(space.grid()) for name, space in search.space.items() if name != "lr")
        rates = len(search.space["lr"].grid()) - below - above if "lr" in search.space else 1
        settings = lines * rates
        extension = 2 * search.extend + below + above if "lr" in search.space else 0
        rungs = len(self.problem.rungs)
        return TrialCount(settings * search.seeds, rungs * search.seeds * (settings + extension))
