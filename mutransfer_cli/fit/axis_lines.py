"""Splits the rungs of a ladder into axes, each a line of rungs through the base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TypeAlias

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.surface.observation import Observation

RUNG_SIZES = (*SIZES, *TABLE_SIZES)  # the sizes of models of ours, and those that tables have
RungSize: TypeAlias = tuple[float | None, ...]  # in the order of RUNG_SIZES; None: unknown


def rung_size(observation: Observation) -> RungSize:
    """The sizes of a run's rung; sizes that only tables have are left out where none is known."""
    known = any(name in observation.further_sizes for name in TABLE_SIZES)
    return tuple(observation.size(size) for size in (RUNG_SIZES if known else SIZES))


def by_name(size: RungSize) -> dict[str, float | None]:
    """The sizes of a rung by name."""
    known: dict[str, float | None] = dict(zip(RUNG_SIZES, size, strict=False))
    return dict.fromkeys(RUNG_SIZES) | known


def in_order(size: RungSize) -> tuple[float, ...]:
    """A key that sorts rungs from small to large."""
    return tuple(n or 0 for n in size)


def axis_lines(
    observations: Sequence[Observation], base: RungSize | None = None
) -> dict[str, list[Observation]]:
    """The observations along each axis that varies, by the name of the axis's size.

    The base is on every line; observations that differ from it along several axes are on none. A
    single rung counts as a line along the first axis.

    Args:
        observations: Runs at any sizes.
        base: The rung at which the axes cross; by default the one with the most others along axes.
    """
    sizes = {rung_size(o) for o in observations}
    center = most_connected(sizes) if base is None else base
    lines = {}
    for axis in RUNG_SIZES:
        line = [o for o in observations if axes_between(rung_size(o), center) in ((), (axis,))]
        varies = len({o.size(axis) for o in line}) > 1
        if varies or (axis == SIZES[0] and len(sizes) == 1):
            lines[axis] = line
    return lines


def axes_between(size: RungSize, other: RungSize) -> tuple[str, ...]:
    """The sizes by which two rungs differ.

    If an axis keeps the number of tokens, steps shrink as it grows: rungs with the same number of
    examples then differ along that axis only.
    """
    a, b = by_name(size), by_name(other)
    different = tuple(name for name in RUNG_SIZES if a[name] != b[name])
    for row in AXES:
        if row.keeps_tokens and different == (row.size, "steps"):
            grown, steps, other_grown, other_steps = (
                sizes[name] for sizes in (a, b) for name in different
            )
            if not (grown and steps and other_grown and other_steps):
                continue
            examples = abs(grown * steps - other_grown * other_steps)
            if examples < max(grown, other_grown):  # steps are rounded
                return (row.size,)
    return different


def most_connected(sizes: Collection[RungSize]) -> RungSize:
    """The rung from which the most others differ along one axis; of several, the smallest."""
    count = Counter({a: sum(len(axes_between(a, b)) == 1 for b in sizes) for a in sizes})
    most = max(count.values())
    return min((a for a in sizes if count[a] == most), key=in_order)
