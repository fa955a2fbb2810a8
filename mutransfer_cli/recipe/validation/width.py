"""The widths and depths that a model can have, answered without building it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mutransfer_cli.catalog.models import MODELS
from mutransfer_cli.recipe.schema.recipe import Recipe

_REACH = 100_000  # how far away the nearest width that works is looked for


def _is_whole(value: float) -> bool:
    return value >= 1 and abs(value - round(value)) < 1e-9 * max(1.0, value)


def _not_whole(size: int, factors: Mapping[str, float]) -> str | None:
    """Which of the arguments that are so many times a size would not be a whole number."""
    for name, factor in factors.items():
        if not _is_whole(size * factor):
            return f"{name} = {size} × {factor:g} = {size * factor:g} is not a whole number"
    return None


def _nearest(value: int, works: Callable[[int], bool]) -> str:
    below = next((v for v in range(value - 1, max(0, value - _REACH), -1) if works(v)), None)
    above = next((v for v in range(value + 1, value + _REACH) if works(v)), None)
    nearest = [str(v) for v in (below, above) if v is not None]
    return f"; nearest that work: {', '.join(nearest)}" if nearest else ""


def _divisor(recipe: Recipe) -> tuple[str, str, int] | None:
    """The argument that follows the width, and the name and value of one that has to divide it."""
    model = recipe.model
    row = MODELS.get(model.build)
    if row is None or row.width_argument not in model.width:
        return None
    for name in row.width_divisors:
        value = model.args.get(name)
        if isinstance(value, int) and value >= 1:
            return row.width_argument, name, value
    return None


def width_fault(recipe: Recipe, width: int) -> str | None:
    """Why the model cannot have this width, with the nearest that it can have."""
    divisor = _divisor(recipe)

    def fault(value: int) -> str | None:
        message = _not_whole(value, recipe.model.width)
        if message is not None or divisor is None:
            return message
        argument, name, number = divisor
        size = round(value * recipe.model.width[argument])
        if size % number:
            return f"{argument} {size} is not divisible by {name} {number}"
        return None

    message = fault(width)
    return message and message + _nearest(width, lambda v: fault(v) is None)


def depth_fault(recipe: Recipe, depth: int) -> str | None:
    """Why the model cannot have this depth."""
    return _not_whole(depth, recipe.model.depth)
