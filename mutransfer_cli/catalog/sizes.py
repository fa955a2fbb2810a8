"""Sizes: the coordinates of a point on all axes, built-in and further ones.

This module is separate from `axes` because other packages import `axes` to define their rows: the
registry can only be read once those rows exist.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """The multiplier target/base along each axis, from two sizes by field name."""
    ratio = {size: target[size] / base[size] for size in SIZES}
    return {row.name: prod(ratio[size] for size in row.ratios) for row in AXES}
