"""Reads the search problem and the pruning from a recipe."""

from __future__ import annotations

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.key_paths import searched_values
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import recipe_target, rungs
from mutransfer_cli.search.pruning.decision import Pruning
from mutransfer_cli.search.samplers.protocol import SearchProblem


def search_problem(recipe: Recipe, first_seed: int) -> SearchProblem:
    """The search of a recipe; its seeds count up from the first."""
    target = None if recipe.target is None else recipe_target(recipe)
    return SearchProblem(recipe.search, rungs(recipe), first_seed, searched_values(recipe), target)


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
