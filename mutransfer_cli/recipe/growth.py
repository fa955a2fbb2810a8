"""A recipe that trains all that another one does, and more of the same."""

from __future__ import annotations

from math import isclose

from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import rungs

GROWING = ("ladder", "search")  # sections
HINT = (
    " (a grid without pruning goes on where the ladder, search.seeds, search.extend or the values "
    "in search.space are those of before and more)"
)


def grown(a: Recipe, b: Recipe) -> Recipe:
    """Recipe `a` with how much is trained taken from `b`, if `b` trains all of it, and more.

    Only for grids without pruning, whose trials do not depend on what else is trained, nor on the
    target. Other samplers choose trials by those that ended, and by the target.

    Args:
        a: A recipe.
        b: The recipe that may have grown from it.
    """
    if not (_is_fixed(a.search) and _is_fixed(b.search) and set(rungs(a)) <= set(rungs(b))):
        return a
    if not _includes(b.search, a.search):
        return a
    taken = {name: getattr(b.search, name) for name in ("space", "seeds", "extend", "budget")}
    search = a.search.model_copy(update=taken)
    return a.model_copy(update={"ladder": b.ladder, "target": b.target, "search": search})


def _is_fixed(search: Search) -> bool:
    """Whether each trial is trained by itself."""
    return search.sampler == "grid" and search.prune == "none"


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


def growth_hint(difference: str) -> str:
    """What a run can grow by, where a difference is of that kind; else nothing."""
    return HINT if difference.startswith(GROWING) else ""
