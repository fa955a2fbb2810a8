"""Whether a run's sweep has ended all that it asks for: a fit of less is a look in between."""

from __future__ import annotations

from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.recipe.size import rungs
from mutransfer_cli.search.budget import SHARE_TRIALS, reached
from mutransfer_cli.search.job import missing
from mutransfer_cli.search.samplers.registry import trials, wanted
from mutransfer_cli.search.storage.run import Run


def unfinished(run: Run) -> str | None:
    """What is still to come, and how; None where the sweep is whole."""
    recipe, records = run.recipe, run.records
    sizes = rungs(recipe)
    left = missing(wanted(recipe, sizes, run.seed, records), records)
    if not left:
        return None
    asked = len(records) + len(left)
    if recipe.search.sampler in SHARE_TRIALS:  # it says no more than the next
        asked = max(asked, trials(recipe.search, sizes)[0] * len(sizes))
    told = f"the sweep is not whole: {len(records)} of {asked} trials asked for have ended"
    limit = reached(recipe.search, records)
    if limit is not None:
        return f"{told} ({limit}); raise it in a new --run"
    return f"{told}; where it does not run any more, run the same sweep command again"


def told_of(document: FitDocument, unfinished: str | None) -> FitDocument:
    """The fit with that as a note; and in place of advice to change a recipe that is under way."""
    if unfinished is None:
        return document
    changes: dict[str, object] = {"notes": (*document.notes, unfinished)}
    if document.verdict == "inconclusive":
        changes["reason"] = unfinished
    return document.model_copy(update=changes)
