"""Do the ends of every searched range make a recipe that is allowed?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.samplers import SAMPLERS
from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.faults import Fault
from mutransfer_cli.recipe.key_paths import SHORT_NAMES, key_path, value_at
from mutransfer_cli.recipe.placeholders import placeholders_in
from mutransfer_cli.recipe.schema.recipe import Recipe

SEARCHABLE = {"optimizer", "lr_factors", "init", "multipliers", "clip", "z_loss"}
SEARCHABLE |= {"schedule", "rules"}


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
        message = no_effect(recipe, path)
        if message is not None:
            yield Fault(here, message, at_key=True)
            continue
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


def no_effect(recipe: Recipe, path: str) -> str | None:
    """Why a searched hyperparameter has no effect; None if the optimizer takes it.

    A command that names it may use it, whatever our optimizer does.

    Args:
        recipe: The recipe.
        path: The hyperparameter's dotted path.
    """
    key, row = _optimizer_key(path), OPTIMIZERS[recipe.optimizer.name]
    if key is None or row.takes is None or key in row.takes:
        return None
    named = placeholders_in(recipe.program.command) if recipe.program is not None else ()
    if path in {SHORT_NAMES.get(name, name) for name in named}:
        return None
    names = [short for short, full in SHORT_NAMES.items() if _optimizer_key(full) in row.takes]
    shortened = {_optimizer_key(full) for full in SHORT_NAMES.values()}
    names += [f"optimizer.{taken}" for taken in row.takes if taken not in shortened]
    return f"{row.name} does not take it; {row.name} takes {', '.join(names)}"


def _optimizer_key(path: str) -> str | None:
    """The key of section `optimizer` that a dotted path leads to; None outside the section."""
    section, _, rest = path.partition(".")
    return rest.split(".")[0] if section == "optimizer" else None
