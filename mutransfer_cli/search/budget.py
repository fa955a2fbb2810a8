"""Checks whether a search has used up its budget."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.search.record import Record


def limit_reached(search: Search, records: Sequence[Record], minutes: float = 0.0) -> str | None:
    """A short message naming the limit that has been reached; None if none has.

    `search.budget.trials` is not checked for samplers that divide it among the rungs: they never
    propose more.

    Args:
        search: The recipe's section `search`.
        records: Trials that have ended.
        minutes: How long this call has been running.
    """
    budget = search.budget
    trials = None if SAMPLERS[search.sampler].needs_trials else budget.trials
    for name, limit, used in (
        ("trials", trials, float(len(records))),
        ("flops", budget.flops, sum(r.flops for r in records)),
        ("minutes", budget.minutes, minutes),
    ):
        if limit is not None and used >= limit:
            return f"search.budget.{name}: {limit:g} reached"
    return None
