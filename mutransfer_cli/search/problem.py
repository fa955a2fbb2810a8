"""Reads the search problem and the pruning from a recipe."""

from __future__ import annotations

from mutransfer_cli.catalog.parameterizations import PARAMETERIZATIONS
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.key_paths import searched_values
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import recipe_target, rungs
from mutransfer_cli.search.pruning.decision import Pruning
from mutransfer_cli.search.samplers.protocol import SearchProblem


def search_problem(
    recipe: Recipe, first_seed: int, start_rate: float | None = None
) -> SearchProblem:
    """The search of a recipe.

    Args:
        recipe: The recipe.
        first_seed: The first seed; the others count up from it.
        start_rate: Learning rate about which the search begins; None: it begins as the recipe says.
    """
    target = None if recipe.target is None else recipe_target(recipe)
    defaults = searched_values(recipe)
    if start_rate is not None:
        defaults["lr"] = start_rate
    limits = PARAMETERIZATIONS[recipe.parameterization].limits
    return SearchProblem(
        recipe.search, rungs(recipe), first_seed, defaults, target, start_rate, limits
    )


def pruning_of(recipe: Recipe) -> Pruning:
    """The pruning that a recipe asks for."""
    return Pruning(recipe.search.prune, recipe.schedule.warmup)


def require_patterns(proxies: ProxyFactory, problem: SearchProblem) -> None:
    """Check at every size, before any training, that the recipe's patterns match a tensor.

    Raises:
        InputError: A pattern matches no tensor at one of the sizes.
    """
    recipe = proxies.recipe
    searched = {
        name: (space.choice or (space.value(space.bounds[0]),))[0]
        for name, space in recipe.search.space.items()
        if name.startswith("lr_factors.")
    }
    by_name = not isinstance(recipe.rules.decay, str)
    if recipe.roles or recipe.lr_factors or recipe.init.zero or by_name or searched:
        for size in (*problem.rungs, *([problem.target] if problem.target else [])):
            proxies.plan(size, searched)
