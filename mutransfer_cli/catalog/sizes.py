"""Sizes: the coordinates of a point on all axes, built-in and further ones.

This module is separate from `axes` because other packages import `axes` to define their rows: the
registry can only be read once those rows exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from mutransfer_cli.catalog.axes import AXES, BUILT_IN

FURTHER_AXES = tuple(row for row in AXES if row not in BUILT_IN)
# Sizes have these fields, in this order, wherever they stand in a document or on a screen.
SIZES = tuple(row.size for row in AXES)
# Sizes by which tables of runs made elsewhere can describe a model and its training.
TABLE_SIZES = ("params", "tokens")
BASE_DEFAULTS = {row.size: row.default for row in BUILT_IN if row.default is not None} | {
    row.size: row.default or 1 for row in FURTHER_AXES
}


def multipliers(base: Mapping[str, float], target: Mapping[str, float]) -> dict[str, float]:
    """The multiplier target/base along each axis, from two sizes by field name.

    Sizes along further axes that are left out are at their defaults; where both are, the model has
    no such size, and the axis is left out too.
    """
    ratio = {size: size_in(target, size) / size_in(base, size) for size in SIZES}
    return {
        row.name: prod(ratio[size] for size in row.ratios)
        for row in AXES
        if row in BUILT_IN or any(has_size(sizes, row.size) for sizes in (base, target))
    }


def size_in(sizes: Mapping[str, float], size: str) -> float:
    """A size by name; along a further axis, its default where it is left out."""
    return sizes[size] if size in sizes else BASE_DEFAULTS[size]


def has_size(sizes: Mapping[str, float], size: str) -> bool:
    """Whether a size along a further axis differs from its default."""
    return size_in(sizes, size) != BASE_DEFAULTS[size]


def named_sizes(sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes without those along further axes that a model does not have."""
    further = {row.size for row in FURTHER_AXES}
    return {name: n for name, n in sizes.items() if name not in further or has_size(sizes, name)}


def varying_sizes(rungs: Sequence[Mapping[str, int]]) -> list[str]:
    """The sizes along which rungs differ; the width where they are all alike.

    Args:
        rungs: The sizes of each; one that a rung does not hold is left out.
    """
    named = [size for size in SIZES if any(size in rung for rung in rungs)]
    return [n for n in named if len({rung.get(n) for rung in rungs}) > 1] or ["width"]
