"""Detects an unfinished sweep, so that its fit is reported as provisional."""

from __future__ import annotations

from mutransfer_cli.search.budget import limit_reached
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.progress import yet_to_propose
from mutransfer_cli.search.samplers.protocol import make_sampler
from mutransfer_cli.search.storage.run import Run


def unfinished(run: Run) -> str | None:
    """Says how many trials are missing and how to run them; None if the sweep is finished."""
    problem, records = search_problem(run.recipe, run.seed, run.start_rate), run.records
    sampler = make_sampler(problem)
    remaining = missing(sampler.propose(records), records)
    if not remaining:
        return None
    later = yet_to_propose(problem, sampler, records, remaining)
    total = len(records) + len(remaining) + sum(later.values())
    progress = f"the sweep is not finished: {len(records)} of {total} trials have ended"
    limit = limit_reached(problem.search, records)
    if limit is not None:
        return f"{progress} ({limit}); raise the limit in a new --run"
    return f"{progress}; unless it is still running, run the same sweep command again"
