"""What the recipe's sampler asks for by what is known so far."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.recipe.key_paths import searched_values
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job
from mutransfer_cli.search.samplers import adaptive, grid
from mutransfer_cli.search.samplers import coordinate as independent
from mutransfer_cli.search.samplers import optuna_samplers as sampler
from mutransfer_cli.search.storage.record import Record


def wanted(
    recipe: Recipe,
    sizes: Sequence[Size],
    first_seed: int,
    records: Sequence[Record],
) -> list[Job]:
    """Every trial that is asked for; those that have ended may be among them."""
    search = recipe.search
    seeds = range(first_seed, first_seed + search.seeds)
    match search.sampler:
        case "grid":
            return grid.wanted(search, sizes, seeds, records)
        case "adaptive":
            return adaptive.propose(search, sizes, first_seed, records)
        case "independent":
            return independent.wanted(search, sizes, seeds, records, searched_values(recipe))
    points = sampler.points_per_rung(search, sizes)
    return [
        job
        for size in sizes
        for job in sampler.propose(
            search, size, points, seeds, [r for r in records if r.size == size]
        )
    ]


def trials(search: Search, sizes: Sequence[Size]) -> tuple[int, int]:
    """How many trials a rung asks for, and how many all rungs may ask for at most."""
    rungs = len(sizes)
    match search.sampler:
        case "grid":
            each = len(grid.settings(search.space)) * search.seeds
            return each, grid.most(search, sizes)
        case "adaptive":
            each, most = adaptive.trials(search)
            return each, most * rungs
        case "independent":
            line = len(search.space["lr"].grid())
            others = sum(len(s.grid()) for n, s in search.space.items() if n != "lr")
            each = search.seeds * (line + others // rungs + (line + rungs - 1) // rungs)
            most = search.seeds * ((line + 2 * search.extend) * (rungs + 1) + others)
            return each, most
    each = sampler.points_per_rung(search, sizes) * search.seeds
    return each, each * rungs
