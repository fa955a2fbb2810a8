"""The target of a prediction: its sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import TypeAlias

from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.size_axes import PARAMETERS, SAME, TOKENS, SizeAxis, size_axes
from mutransfer_cli.interval import number
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import rungs, target_size

Sizes: TypeAlias = Mapping[str, float]

NO_TARGET = "no target named; give --width, and whatever else differs at the target"


def recipe_sizes(recipe: Recipe, given: Sizes) -> dict[str, float]:
    """The target of a run: sizes that are not named are those of the recipe's target or base.

    Args:
        recipe: The recipe of the run.
        given: The sizes that the command line names.

    Raises:
        InputError: Nothing names a target, or the model cannot have a size.
    """
    if not given and recipe.target is None:
        raise InputError(NO_TARGET)
    if PARAMETERS in given:
        raise InputError("--params: for tables of runs; give --width, and --depth if it differs")
    size = target_size(
        recipe,
        tokens=given.get(TOKENS),
        **{name: int(value) for name, value in given.items() if name != TOKENS},
    )
    names = {name for rung in (size, *rungs(recipe)) for name in rung.as_dict()}
    return {name: float(getattr(size, name)) for name in SIZES if name in names}


def table_sizes(rungs: Sequence[Sizes], given: Sizes) -> dict[str, float]:
    """The target of a table: sizes that are not named are those that all rungs share.

    Without steps, the number of examples is kept if all rungs share it.

    Args:
        rungs: The sizes of all rungs.
        given: The sizes that the command line names.

    Raises:
        InputError: No size is named, one that the rungs do not have, or one along which they
            differ is missing.
    """
    if not given:
        raise InputError(NO_TARGET)
    known = {name for rung in rungs for name in rung}
    target = dict(given)
    if TOKENS in target and TOKENS not in known and known >= {"batch", "steps"}:
        batch = target.get("batch") or _shared(rungs, "batch")
        if batch is None:
            raise InputError("the runs differ in batch; give --batch of the target")
        target["steps"] = target.pop(TOKENS) / batch
    for name in target:
        if name not in known:
            raise InputError(f"--{name}: the runs have no {name}, only {', '.join(sorted(known))}")
    axes = size_axes(rungs)
    for axis in axes:
        if axis.name not in target and _varies(axis, rungs):
            raise InputError(f"the runs differ in {axis.name}; give --{axis.name} of the target")
    for name in known - target.keys():
        value = _shared(rungs, name)
        if value is not None:
            target[name] = value
    examples = {rung["batch"] * rung["steps"] for rung in rungs if {"batch", "steps"} <= set(rung)}
    if "steps" in known - target.keys() and "batch" in target and examples:
        target["steps"] = max(1.0, round(max(examples) / target["batch"]))
    return target


def require_above(rungs: Sequence[Sizes], target: Sizes) -> None:
    """Refuse a target below the ladder, in any size but the batch, by which no model is small.

    Args:
        rungs: The sizes of all rungs.
        target: The sizes of the target.

    Raises:
        InputError: A size of the target is smaller than at the smallest rung.
    """
    for axis in size_axes(rungs):
        name, size = axis.name, target.get(axis.name)
        if size is None or axis.factors != (name,) or name == "batch":
            continue
        smallest = min(rung[name] for rung in rungs if name in rung)
        if size < smallest * (1 - 1e-9):
            raise InputError(
                f"target: {name} {number(size)} is smaller than the smallest {name} of the ladder, "
                f"{number(smallest)}; a target is larger than its proxies"
            )


def same_sizes(some: Mapping[str, float | None], others: Mapping[str, float | None]) -> bool:
    """Whether two sizes agree wherever both are known, up to rounding."""
    for name, size in some.items():
        other = others.get(name)
        if size is not None and other is not None and abs(log2(size) - log2(other)) > SAME:
            return False
    return True


def shown(sizes: Mapping[str, float | None]) -> str:
    """The known sizes as text."""
    return ", ".join(f"{name} {number(size)}" for name, size in sizes.items() if size is not None)


def _varies(axis: SizeAxis, rungs: Sequence[Sizes]) -> bool:
    positions = [axis.position(rung) for rung in rungs if axis.known(rung)]
    return bool(positions) and max(positions) - min(positions) > SAME


def _shared(rungs: Sequence[Sizes], name: str) -> float | None:
    """The size that all rungs share; None if they differ, or one lacks it."""
    sizes = {rung.get(name) for rung in rungs}
    return sizes.pop() if len(sizes) == 1 else None
