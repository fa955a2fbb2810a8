"""The size at which a decision is made: a target where one is named, else the largest rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mutransfer_cli.catalog.sizes import FURTHER_AXES
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.target.target_sizes import recipe_sizes, require_above, table_sizes
from mutransfer_cli.recipe.schema.recipe import Recipe

TargetOptions = Mapping[str, float | None]  # by the name of a size; None where it is not given


def target_of_recipe(recipe: Recipe, options: TargetOptions) -> Sizes | None:
    """The target of options and a recipe; None where neither names one.

    Args:
        recipe: The recipe of a run.
        options: Sizes from the command line.
    """
    given = {name: float(value) for name, value in options.items() if value is not None}
    if not given and recipe.target is None:
        return None
    further = {row.size: given.pop(row.size) for row in FURTHER_AXES if row.size in given}
    return {**recipe_sizes(recipe, given), **further}


def target_of_table(rungs: Sequence[Sizes], options: TargetOptions) -> Sizes | None:
    """The target of options; None where none is given.

    Args:
        rungs: The sizes of all rungs of a table.
        options: Sizes from the command line.

    Raises:
        InputError: The target is below the ladder, or lacks a size.
    """
    given = {name: float(value) for name, value in options.items() if value is not None}
    if not given:
        return None
    target = table_sizes(rungs, given)
    require_above(rungs, target)
    return target
