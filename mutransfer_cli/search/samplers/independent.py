"""Searches the learning rate first, then each other hyperparameter by itself (u-μP, §4.2).

This takes place on the smallest rung; every rung then searches its learning rate at the best values
of the other hyperparameters, whose optima hardly depend on each other in a good parameterization
(Blake et al. 2024, arXiv 2407.17465, figure 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.growing_grid import grid_jobs
from mutransfer_cli.search.samplers.protocol import SearchProblem, TrialCount
from mutransfer_cli.search.samplers.settings import Setting, mean_losses


class IndependentSampler:
    """Searches one hyperparameter at a time."""

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem

    def propose(self, records: Sequence[Record]) -> list[Job]:
        """All lines that the results so far allow to search."""
        search, seeds = self.problem.search, self.problem.seeds
        smallest = self.problem.smallest
        of_smallest = [r for r in records if r.size == smallest]
        others = {name: self.problem.defaults[name] for name in search.space if name != "lr"}
        jobs = self._rates(smallest, of_smallest, others)
        if missing(jobs, records):
            return jobs
        first = best_setting(jobs, of_smallest)
        if first is None:
            return jobs
        best = dict(first)
        for name in others:
            line = [
                Job(smallest, seed, tuple({**dict(first), name: value}.items()))
                for value in search.space[name].grid()
                for seed in seeds
            ]
            jobs += line
            best_of_line = best_setting(
                [*line, *(j for j in jobs if j.setting == first)], of_smallest
            )
            if best_of_line is not None:
                best[name] = dict(best_of_line)[name]
        if missing(jobs, records):
            return jobs
        fixed = {name: best[name] for name in others}
        for size in self.problem.rungs:
            jobs += self._rates(size, [r for r in records if r.size == size], fixed)
        return list({job.key: job for job in jobs}.values())

    def count_trials(self) -> TrialCount:
        """The average per rung, which includes the lines that only the smallest rung runs."""
        search, rungs = self.problem.search, len(self.problem.rungs)
        line = len(search.space["lr"].grid())
        others = sum(len(s.grid()) for name, s in search.space.items() if name != "lr")
        each = search.seeds * (line + others // rungs + (line + rungs - 1) // rungs)
        at_most = search.seeds * ((line + 2 * search.extend) * (rungs + 1) + others)
        return TrialCount(each, at_most)

    def _rates(
        self, size: Size, records: Sequence[Record], fixed: Mapping[str, float]
    ) -> list[Job]:
        """The growing grid of learning rates on a rung, with the other hyperparameters fixed."""
        search = self.problem.search
        lr_only = search.model_copy(update={"space": {"lr": search.space["lr"]}})
        on_line = [
            replace(r, params={"lr": r.params["lr"]})
            for r in records
            if {k: v for k, v in r.params.items() if k != "lr"} == dict(fixed)
        ]
        return [
            replace(job, setting=tuple((n, {**fixed, **job.params}[n]) for n in search.space))
            for job in grid_jobs(lr_only, [size], self.problem.seeds, on_line)
        ]


def best_setting(jobs: Sequence[Job], records: Sequence[Record]) -> Setting | None:
    """The setting among these jobs with the lowest mean loss; None where all diverged."""
    losses = mean_losses(records)
    settings = {tuple(sorted(job.setting)): job.setting for job in jobs}
    finished = {key: loss for key in settings if (loss := losses.get(key)) is not None}
    return settings[min(finished, key=lambda key: finished[key])] if finished else None
