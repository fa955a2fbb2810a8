"""A recipe that trains all that another one does, and more of the same."""

from __future__ import annotations

from math import isclose

from mutransfer_cli.catalog.samplers import SAMPLERS, STARTUP
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import rungs

GROWING = ("ladder", "search")  # sections


def grown(a: Recipe, b: Recipe) -> Recipe:
    """Recipe `a` with how much is trained taken from `b`, if `b` trains all of it, and more.

    Only without pruning, where trials do not depend on what else is trained. Settings of Sobol
    sequences follow one another on each rung by themselves, and so do those of Optuna's samplers,
    which choose by the losses of earlier ones there. The adaptive sampler goes on from whatever has
    ended.

    Args:
        a: A recipe.
        b: The recipe that may have grown from it.
    """
    before, after = a.search, b.search
    same = before.sampler == after.sampler and before.prune == after.prune == "none"
    if not same or not set(rungs(a)) <= set(rungs(b)) or not _goes_on(a, b):
        return a
    taken = {name: getattr(after, name) for name in SAMPLERS[before.sampler].grows_by}
    search = before.model_copy(update=taken)
    return a.model_copy(update={"ladder": b.ladder, "target": b.target, "search": search})


def _goes_on(a: Recipe, b: Recipe) -> bool:
    """Whether the search of one recipe, with its sampler, starts with all trials of another's."""
    before, after = a.search, b.search
    sampler = SAMPLERS[before.sampler]
    if "space" in sampler.grows_by:
        return _includes(after, before)
    if not sampler.grows_by or before.space != after.space or after.seeds < before.seeds:
        return False
    if not sampler.needs_trials:
        return before.seeds == after.seeds
    each, later = (r.search.settings_per_rung(len(rungs(r))) for r in (a, b))
    if sampler.uses_results:  # of all seeds of a setting, after random ones, of a number of its own
        return before.seeds == after.seeds and (STARTUP <= each <= later or each == later)
    return each <= later


def _includes(larger: Search, smaller: Search) -> bool:
    """Whether one search trains every setting of another, as often."""
    return (
        larger.seeds >= smaller.seeds
        and larger.extend >= smaller.extend
        and larger.space.keys() == smaller.space.keys()
        and all(
            any(isclose(value, other, rel_tol=1e-9) for other in larger.space[name].grid())
            for name, space in smaller.space.items()
            for value in space.grid()
        )
    )


def growth_hint(difference: str, search: Search) -> str:
    """What a run can grow by, where a difference is of that kind; else nothing.

    Args:
        difference: The first one of two recipes.
        search: The search of the run's recipe.
    """
    where = SAMPLERS[search.sampler].grows_where
    if not where or not difference.startswith(GROWING):
        return ""
    return f" (a search by {search.sampler} without pruning goes on where {where})"
