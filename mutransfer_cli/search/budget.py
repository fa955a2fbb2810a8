"""Whether a search's budget has ended it."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.search.storage.record import Record

SHARE_TRIALS = frozenset({"sobol", "tpe", "gp"})  # these ask for no more trials than it allows


def reached(search: Search, records: Sequence[Record], minutes: float = 0.0) -> str | None:
    """The limit that has been reached, in a few words; minutes: of this call."""
    budget = search.budget
    trials = None if search.sampler in SHARE_TRIALS else budget.trials
    for name, limit, used in (
        ("trials", trials, float(len(records))),
        ("flops", budget.flops, sum(r.flops for r in records)),
        ("minutes", budget.minutes, minutes),
    ):
        if limit is not None and used >= limit:
            return f"search.budget.{name}: {limit:g} reached"
    return None
