"""Detects an unfinished sweep, so that its fit is reported as provisional."""

from __future__ import annotations

from mutransfer_cli.recipe.size import rungs
from mutransfer_cli.search.budget import SHARE_TRIALS, reached
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.samplers.registry import trials, wanted
from mutransfer_cli.search.storage.run import Run


def unfinished(run: Run) -> str | None:
    """How much is still to come, and how to get it; None where the sweep is finished."""
    recipe, records = run.recipe, run.records
    sizes = rungs(recipe)
    remaining = missing(wanted(recipe, sizes, run.seed, records), records)
    if not remaining:
        return None
    total = len(records) + len(remaining)
    if recipe.search.sampler in SHARE_TRIALS:  # these propose one trial after another
        total = max(total, trials(recipe.search, sizes)[0] * len(sizes))
    progress = f"the sweep is not finished: {len(records)} of {total} trials have ended"
    limit = reached(recipe.search, records)
    if limit is not None:
        return f"{progress} ({limit}); raise the limit in a new --run"
    return f"{progress}; unless it is still running, run the same sweep command again"
