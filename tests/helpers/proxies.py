"""Plans and proxies straight from a recipe."""

from __future__ import annotations

from mutransfer_cli.models.family_cache import completed
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size


def plan_for(recipe: Recipe, size: Size) -> Plan:
    """The plan of a recipe at a size."""
    return ProxyFactory(recipe).plan(size)


def proxy(recipe: Recipe, size: Size, seed: int, plan: Plan | None = None) -> Subject:
    """A proxy of a recipe, ready to train, with batches."""
    factory = ProxyFactory(recipe)
    subject = factory.build_with_optimizer(size, seed, plan or factory.plan(size))
    return completed(recipe, subject)
