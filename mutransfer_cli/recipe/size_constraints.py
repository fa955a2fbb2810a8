"""The widths and depths that a model can have, answered without building it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.recipe.schema.recipe import Recipe

_REACH = 100_000  # how far away the nearest width that works is looked for


def _is_whole(value: float) -> bool:
    return 0.5 < value < inf and abs(value - round(value)) < 1e-9 * max(1.0, value)


def _nearest(value: int, works: Callable[[int], bool]) -> str:
    below = next((v for v in range(value - 1, max(0, value - _REACH), -1) if works(v)), None)
    above = next((v for v in range(value + 1, value + _REACH) if works(v)), None)
    nearest = [str(v) for v in (below, above) if v is not None]
    return f"; nearest that work: {', '.join(nearest)}" if nearest else ""


def _divisor(recipe: Recipe, axis: str) -> tuple[str, str, int] | None:
    """The argument that follows an axis, and the name and value of one that has to divide it."""
    model = recipe.model
    row = MODELS.get(model.build)
    growth = row.grows.get(axis) if row is not None else None
    if growth is None or growth.argument not in getattr(model, axis):
        return None
    for name in growth.divisors:
        value = model.args.get(name)
        if isinstance(value, int) and value >= 1:
            return growth.argument, name, value
    return None


def size_fault(recipe: Recipe, axis: str, size: int) -> str | None:
    """Why the model cannot have this width or depth.

    Args:
        recipe: The recipe.
        axis: `width` or `depth`: an axis along which the model grows.
        size: The width or depth.

    Returns:
        One line, where possible with the nearest sizes that the model can have; None where it can
        have this one.
    """
    factors: Mapping[str, float] = getattr(recipe.model, axis)
    divisor = _divisor(recipe, axis)

    def fault(value: int) -> str | None:
        for name, factor in factors.items():
            if not _is_whole(value * factor):
                return f"{name} = {value} × {factor:g} = {value * factor:g} is not a whole number"
        if divisor is None:
            return None
        argument, name, number = divisor
        scaled = round(value * factors[argument])
        if scaled % number:
            return f"{argument} {scaled} is not divisible by {name} {number}"
        return None

    message = fault(size)
    return message and message + _nearest(size, lambda v: fault(v) is None)


def width_fault(recipe: Recipe, width: int) -> str | None:
    """Why the model cannot have this width."""
    return size_fault(recipe, "width", width)


def depth_fault(recipe: Recipe, depth: int) -> str | None:
    """Why the model cannot have this depth."""
    return size_fault(recipe, "depth", depth)
