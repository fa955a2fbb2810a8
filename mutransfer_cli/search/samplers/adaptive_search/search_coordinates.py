"""The coordinates of a search: octaves of its hyperparameters and sizes, and records as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2, prod

import numpy as np

from mutransfer_cli.catalog.axes import AXES
from mutransfer_cli.recipe.schema.space import OCTAVE, Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem
from mutransfer_cli.surface.response.runs import Array, Runs

LATTICE = 32  # settings per octave: rounding errors cannot change what is proposed
UNTRAINED = 0.95  # quantile of the losses that stands for the untrained model's


@dataclass(frozen=True)
class SearchedSpace:
    """The searched hyperparameters as coordinates.

    A hyperparameter on a logarithmic scale is in octaves, one on a linear scale in its grid steps.

    Attributes:
        spaces: The space of each, by name, in the order of the coordinates.
        beyond: How many octaves the learning rate may leave its range.
    """

    spaces: Mapping[str, Space]
    beyond: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters."""
        return tuple(self.spaces)

    def unit(self, name: str) -> float:
        """One coordinate step on the scale of the hyperparameter."""
        space = self.spaces[name]
        return {"log2": 1.0, "log10": OCTAVE}.get(space.scale, space.spacing or 1.0)

    @property
    def range(self) -> tuple[Array, Array]:
        """Lowest and highest coordinates that the recipe allows, shape (hyperparameters,)."""
        bounds = np.array([np.array(s.bounds) / self.unit(n) for n, s in self.spaces.items()])
        beyond = np.array([self.beyond if name == "lr" else 0 for name in self.names])
        return bounds[:, 0] - beyond, bounds[:, 1] + beyond

    def setting(self, point: Array) -> tuple[tuple[str, float], ...]:
        """The setting at coordinates."""
        return tuple(
            (name, space.value(float(x) * self.unit(name)))
            for (name, space), x in zip(self.spaces.items(), point, strict=True)
        )

    def point(self, params: Mapping[str, float]) -> list[float]:
        """The coordinates of a setting."""
        return [
            params[name] / self.unit(name) if space.scale == "linear" else log2(params[name])
            for name, space in self.spaces.items()
        ]

    def on_lattice(self, points: Array) -> Array:
        """The points of the lattice next to these, inside the range."""
        low, high = self.range
        return np.asarray(np.clip(np.round(points * LATTICE) / LATTICE, low, high))

    def start(self, defaults: Mapping[str, float]) -> Array:
        """The recipe's own values, or the middle of a range that does not hold them."""
        low, high = self.range
        start = (low + high) / 2
        for j, (name, space) in enumerate(self.spaces.items()):
            value = defaults.get(name)
            if value is not None and (value > 0 or space.scale == "linear"):
                own = self.point({**{n: 1.0 for n in self.names}, name: value})[j]
                if low[j] <= own <= high[j]:
                    start[j] = own
        return start


def varying_axes(rungs: Sequence[Size]) -> tuple[tuple[str, ...], ...]:
    """The sizes whose product is each axis's coordinate, for the axes along which rungs differ.

    Training length counts in examples: at the same number of them, only the batch differs.
    """
    axes = tuple(tuple(dict.fromkeys((row.size, *row.ratios))) for row in AXES)
    varying = tuple(axis for axis in axes if len({prod_of(size, axis) for size in rungs}) > 1)
    return varying or axes[:1]


def prod_of(size: Size, names: Sequence[str]) -> int:
    """The product of some of a size's values."""
    return prod(int(getattr(size, name)) for name in names)


def size_point(size: Size, axes: Sequence[Sequence[str]]) -> Array:
    """The coordinates of a size in octaves, shape (axes,)."""
    return np.array([log2(prod_of(size, axis)) for axis in axes])


def runs_of(records: Sequence[Record], space: SearchedSpace, axes: Sequence[Sequence[str]]) -> Runs:
    """The records that say something about the loss; rungs without a finished trial are left out.

    Losses become their logarithms; where one is not positive, fractions of what training gained.

    Args:
        records: Trials that have ended.
        space: The searched hyperparameters.
        axes: The sizes that make each axis.
    """
    finished = {record.size for record in records if record.loss is not None}
    kept = [r for r in records if r.size in finished and r.outcome in ("finished", "diverged")]
    losses = np.array([np.nan if r.loss is None else r.loss for r in kept], dtype=float)
    if np.nanmin(losses) > 0:
        losses = np.log(losses)
    else:
        gained = np.nanquantile(losses, UNTRAINED) - np.nanmin(losses)
        losses = losses / (gained if gained > 0 else 1.0)
    return Runs(
        settings=np.array([space.point(r.params) for r in kept]),
        sizes=np.array([size_point(r.size, axes) for r in kept]),
        seeds=np.array([r.seed for r in kept], dtype=np.int64),
        losses=losses,
    )


def rung_costs(problem: SearchProblem, records: Sequence[Record]) -> dict[Size, float]:
    """FLOPs of a trial on every rung: as recorded, else by the sizes of the nearest known rung.

    Args:
        problem: The rungs.
        records: Trials that have ended.
    """
    known: dict[Size, float] = {}
    for record in records:
        if record.flops > 0:
            known[record.size] = max(known.get(record.size, 0.0), record.flops)

    def relative(size: Size) -> float:
        return prod(float(getattr(size, row.size)) for row in AXES) * size.width

    if not known:
        return {size: relative(size) for size in problem.rungs}
    costs = {}
    for size in problem.rungs:
        nearest = min(known, key=lambda other: abs(np.log(relative(size) / relative(other))))
        costs[size] = known.get(size, known[nearest] * relative(size) / relative(nearest))
    return costs
