"""Sizes: the numbers that stand for a point on all axes, the built-in ones and others'.

Apart from `axes`, because the rows of another package import that module: the registry can only be
read once they are complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from mutransfer_cli.catalog.axes import AXES, BUILT_IN

FURTHER_AXES = tuple(row for row in AXES if row not in BUILT_IN)  # of other packages
# Sizes have these fields, in this order, wherever they stand in a document or on a screen.
SIZES = tuple(row.size for row in AXES)
BASE_DEFAULTS = {row.size: row.default for row in BUILT_IN if row.default is not None} | {
    row.size: row.default or 1 for row in FURTHER_AXES
}


def multipliers(base: Mapping[str, float], target: Mapping[str, float]) -> dict[str, float]:
    """The ratio target/base along each axis, of two sizes by field name."""
    ratio = {size: target[size] / base[size] for size in SIZES}
    return {row.name: prod(ratio[size] for size in row.ratios) for row in AXES}
