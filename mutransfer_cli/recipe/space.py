"""Do the ends of every searched range make a recipe that is allowed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.fault import Fault
from mutransfer_cli.recipe.keys import SHORT, key_path
from mutransfer_cli.recipe.schema import Recipe

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
            yield Fault(here, str(error).partition(": ")[2], at_key=True)
            continue
        if path.split(".")[0] not in SEARCHABLE:
            known = ", ".join(SHORT)
            yield Fault(here, f"not a hyperparameter; searchable: {known}", at_key=True)
            continue
        if path in seen:
            yield Fault(here, f"the same as {seen[path]}", at_key=True)
            continue
        seen[path] = name
        ends = space.choice or tuple(space.value(end) for end in space.bounds)
        for end in ends:
            wrong = change({path: end})
            if wrong:
                yield Fault((*here, space.scale), f"{end:g} cannot be used: {wrong[0]}")
                break
