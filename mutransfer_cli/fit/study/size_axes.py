"""Sizes of rungs as coordinates: one axis, in octaves, for each size that varies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2, prod
from typing import TypeAlias

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.catalog.sizes import SIZES, TABLE_SIZES
from mutransfer_cli.surface.observation import Observation

Sizes: TypeAlias = Mapping[str, float]

PARAMETERS, TOKENS = TABLE_SIZES
SAME = 0.03  # octaves; sizes this close are one rung: 3784 and 3785 steps


@dataclass(frozen=True)
class SizeAxis:
    """One axis along which rungs differ.

    Attributes:
        name: The size that grows along it.
        factors: The sizes whose product is its coordinate: training length is examples.
    """

    name: str
    factors: tuple[str, ...]

    def known(self, sizes: Sizes) -> bool:
        """Whether the coordinate of these sizes is known."""
        return all(sizes.get(factor) for factor in self.factors)

    def position(self, sizes: Sizes) -> float:
        """The coordinate of these sizes in octaves."""
        return log2(prod(sizes[factor] for factor in self.factors))


def sizes_of(observation: Observation) -> dict[str, float]:
    """All known sizes of a run."""
    named = {name: observation.size(name) for name in (*SIZES, *TABLE_SIZES)}
    return {name: float(size) for name, size in named.items() if size is not None}


def size_axes(rungs: Sequence[Sizes]) -> tuple[SizeAxis, ...]:
    """The axes along which rungs differ; the first known one where none does.

    Training length is measured in examples (batch times steps), or in tokens where these are
    known: at a constant number of tokens only the batch differs. Parameters are an axis where
    neither width nor depth varies.

    Args:
        rungs: The sizes of all rungs.
    """
    *candidates, parameters, tokens = every_axis(rungs)
    axes = [axis for axis in candidates if _varies(axis, rungs)]
    if _varies(tokens, rungs):
        axes = [axis for axis in axes if axis.name != "steps"] + [tokens]
    if _varies(parameters, rungs) and not any(
        row.grows_model and axis.name == row.size for row in AXES for axis in axes
    ):
        axes.insert(0, parameters)
    if axes:
        return tuple(axes)
    names = [name for name in (*SIZES, *TABLE_SIZES) if any(rung.get(name) for rung in rungs)]
    return (SizeAxis(names[0], (names[0],)),) if names else ()


def every_axis(rungs: Sequence[Sizes]) -> tuple[SizeAxis, ...]:
    """Every axis along which rungs or a target can differ; parameters and tokens are the last.

    Args:
        rungs: The sizes of all rungs: where one lacks a batch, the training length is in steps.
    """
    axes = []
    for row in AXES:
        axis = SizeAxis(row.size, tuple(dict.fromkeys((row.size, *row.ratios))))
        known = all(axis.known(rung) for rung in rungs)
        axes.append(axis if known else SizeAxis(row.size, (row.size,)))
    return (*axes, SizeAxis(PARAMETERS, (PARAMETERS,)), SizeAxis(TOKENS, (TOKENS,)))


def _varies(axis: SizeAxis, rungs: Sequence[Sizes]) -> bool:
    """Whether the rungs that have these sizes differ along the axis, by more than rounding."""
    positions = [axis.position(rung) for rung in rungs if axis.known(rung)]
    return bool(positions) and max(positions) - min(positions) > SAME


def merged(positions: Sequence[float]) -> dict[float, float]:
    """For each coordinate that of its group: the most common one of those that are the same.

    Args:
        positions: The coordinates of all runs along one axis.
    """
    count = Counter(round(p, 9) for p in positions)
    groups: list[list[float]] = []
    for p in sorted(count):
        if groups and p - groups[-1][0] <= SAME:
            groups[-1].append(p)
        else:
            groups.append([p])
    representative = {
        p: max(group, key=lambda q: (count[q], -q)) for group in groups for p in group
    }
    return {p: representative[round(p, 9)] for p in positions}


def relative_flops(sizes: Sizes) -> float:
    """The FLOPs of a trial up to a factor that all rungs share: parameters times tokens.

    Parameters are width² times depth, and tokens batch times steps, where they are not known
    themselves.

    Args:
        sizes: The sizes of the rung.
    """
    model = sizes.get(PARAMETERS) or sizes.get("width", 1.0) ** 2 * sizes.get("depth", 1.0)
    examples = sizes.get(TOKENS) or sizes.get("batch", 1.0) * sizes.get("steps", 1.0)
    return model * examples


def rung_order(sizes: Sizes) -> tuple[float, ...]:
    """A key that sorts rungs by the FLOPs of a trial, then by their sizes."""
    named = (sizes.get(name, 0.0) for name in (*TABLE_SIZES, *SIZES))
    return (float(f"{relative_flops(sizes):.6g}"), *named)
