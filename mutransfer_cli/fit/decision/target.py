"""The size at which a decision is made: a target, or the largest rung."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.catalog.axes import AXES, BUILT_IN
from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.size_axes import TOKENS, Sizes
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import target_size

RECIPE_SIZES = {row.size for row in BUILT_IN} | {TOKENS}

TargetOptions = Mapping[str, float | None]  # by the name of a size; None where it is not given


def target_of_recipe(recipe: Recipe, options: TargetOptions) -> Sizes | None:
    """The target of options and a recipe; None where neither names one.

    Args:
        recipe: The recipe of a run.
        options: Sizes from the command line.

    Raises:
        InputError: A size is impossible.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not given and recipe.target is None:
        return None
    known = {name: v for name, v in given.items() if name in RECIPE_SIZES}
    unknown = given.keys() - known.keys() - set(SIZES)
    if unknown:
        raise InputError(f"--{min(unknown)}: only a table of runs has this size")
    size = target_size(recipe, **known)  # type: ignore[arg-type]  # sizes are whole numbers
    sizes = {name: float(value) for name, value in size.as_dict().items()}
    return {**sizes, **{name: float(v) for name, v in given.items() if name in sizes}}


def target_of_table(largest: Sizes, options: TargetOptions) -> Sizes | None:
    """The target of options; sizes that are not given are those of the largest rung.

    A batch without steps or tokens keeps the number of examples, so that the steps shrink.

    Args:
        largest: The sizes of the largest rung of a table.
        options: Sizes from the command line.

    Raises:
        InputError: A size is below 1.
    """
    given = {name: float(value) for name, value in options.items() if value is not None}
    for name, value in given.items():
        if not value >= 1:
            raise InputError(f"--{name}: expected at least 1, found {value:g}")
    if not given:
        return None
    target = {**largest, **given}
    if TOKENS in given and TOKENS not in largest and "steps" in largest:
        raise InputError("--tokens: the runs have steps; give --steps, or a column of tokens")
    if "steps" in given and TOKENS in largest and TOKENS not in given:
        target[TOKENS] = largest[TOKENS] * given["steps"] / largest.get("steps", given["steps"])
    for row in AXES:
        if row.keeps_tokens and row.size in given and "steps" in largest and "steps" not in given:
            target["steps"] = max(
                1.0, round(largest["steps"] * largest[row.size] / given[row.size])
            )
    return target
