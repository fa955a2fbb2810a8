"""Do the ends of every searched range make a recipe that is allowed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path, value_at
from mutransfer_cli.recipe.schema.recipe import Recipe

SEARCHABLE = ("optimizer", "lr_factors", "init", "multipliers", "clip", "schedule", "rules")


def space_faults(
    recipe: Recipe, faults_with: Callable[[Mapping[str, Any]], list[Fault]]
) -> Iterator[Fault]:
    """What is wrong with `search.space`.

    Args:
        recipe: The recipe, otherwise valid.
        faults_with: What the recipe is refused for with some values replaced.
    """
    sampler = SAMPLERS[recipe.search.sampler]
    seen: dict[str, str] = {}  # key path: the name that it was given by
    for name, space in recipe.search.space.items():
        here = ("search", "space", name)
        try:
            path = key_path(name)
        except InputError as error:
            yield Fault(here, error.message, at_key=True)
            continue
        if path.split(".")[0] not in SEARCHABLE:
            known = ", ".join(SHORT_NAMES)
            yield Fault(here, f"not a hyperparameter; searchable: {known}", at_key=True)
            continue
        if path in seen:
            yield Fault(here, f"the same as {seen[path]}", at_key=True)
            continue
        seen[path] = name
        if sampler.starts_at_recipe and value_at(recipe, path) is None:
            message = (
                f"{sampler.name} starts at the recipe's own value, and {path} is null: give it one"
            )
            yield Fault(here, message, at_key=True)
            continue
        ends = space.choice or tuple(space.value(end) for end in space.bounds)
        for end in ends:
            refused_for = faults_with({path: end})
            if refused_for:
                yield Fault((*here, space.scale), f"{end:g} cannot be used: {refused_for[0]}")
                break
