"""A sampler: the two ends of every range, on every rung."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from mutransfer_cli.search.job import Job
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount


class EndsSampler:
    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem

    def propose(self, records: Sequence[Record]) -> list[Job]:
        space = self.problem.search.space
        ends = [[(name, s.value(end)) for end in s.bounds] for name, s in space.items()]
        settings = list(product(*ends))
        problem = self.problem
        return [Job(r, seed, s) for r in problem.rungs for s in settings for seed in problem.seeds]

    def count_trials(self) -> TrialCount:
        each = 2 ** len(self.problem.search.space) * len(self.problem.seeds)
        return TrialCount(each, each * len(self.problem.rungs))
