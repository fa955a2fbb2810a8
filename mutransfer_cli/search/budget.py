"""Whether a search's budget has ended it."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.search.storage.record import Record


def limit_reached(search: Search, records: Sequence[Record], minutes: float = 0.0) -> str | None:
    """The limit that has been reached, in a few words; None where there is none.

    A sampler that shares the trials of the budget among rungs proposes no more than these.

    Args:
        search: The recipe's section.
        records: Trials that have ended.
        minutes: Of this call.
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
