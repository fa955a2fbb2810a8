"""Do the ends of every searched range make a recipe that is allowed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path
from mutransfer_cli.recipe.schema.recipe import Recipe

SEARCHABLE = ("optimizer", "lr_factors", "init", "multipliers", "clip", "schedule", "rules")


def space_faults(
    recipe: Recipe, change: Callable[[Mapping[str, Any]], list[Fault]]
) -> Iterator[Fault]:
    """What is wrong with `search.space`; `change` says what a changed recipe is refused for."""
    seen: dict[str, str] = {}
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
        if recipe.search.sampler == "independent" and value_at(recipe, path) is None:
            said = f"independent starts at the recipe's own value, and {path} is null: give it one"
            yield Fault(here, said, at_key=True)
            continue
        ends = space.choice or tuple(space.value(end) for end in space.bounds)
        for end in ends:
            wrong = change({path: end})
            if wrong:
                yield Fault((*here, space.scale), f"{end:g} cannot be used: {wrong[0]}")
                break


def searched_values(recipe: Recipe) -> dict[str, Any]:
    """The recipe's own value of each searched hyperparameter."""
    return {name: value_at(recipe, key_path(name)) for name in recipe.search.space}


def value_at(recipe: Recipe, path: str) -> Any:
    """What a recipe says at a key path; None where it says nothing."""

    def below(values: Any, key: str) -> Any:
        if isinstance(values, list | tuple):
            return values[int(key)]
        return values.get(key) if isinstance(values, Mapping) else getattr(values, key, None)

    return reduce(below, path.split("."), recipe)
