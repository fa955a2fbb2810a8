"""From observations to the arrays that the response surface is fitted to, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.choices.categories import Category, best_categories
from mutransfer_cli.fit.study.choices.zero_choice import with_zeros_as_categories
from mutransfer_cli.fit.study.complete_rows import IgnoredRuns, complete_runs
from mutransfer_cli.fit.study.coordinates import (
    Hyperparameters,
    hyperparameters_of,
    setting_of_run,
)
from mutransfer_cli.fit.study.loss_scale import LossScale, loss_scale
from mutransfer_cli.fit.study.outliers import exploded
from mutransfer_cli.fit.study.rung_range import LeftRung, left_rungs
from mutransfer_cli.fit.study.size_axes import (
    SizeAxis,
    Sizes,
    merged,
    rung_order,
    sizes_of,
)
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.runs import Runs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StudyRuns:
    """The runs of a study as arrays.

    Attributes:
        runs: Settings and sizes in coordinates, transformed losses.
        observations: The runs behind each row of the arrays.
        hyperparameters: The coordinates of the settings, in their order.
        axes: The axes of the sizes, in their order.
        scale: The scale of the losses.
        rungs: The sizes of each rung of `runs`, in its order.
        categories: Hyperparameters of which only the best value is fitted.
        ignored: Runs that are not part of the arrays.
        exploded: Number of runs that count as diverged although their loss is a number.
        unfinished_rungs: Rungs where no run finished.
        open_rungs: Rungs whose loss falls all the way to one end of the values that were tried:
            their optimum is outside, and their shape says little of the others'.
    """

    runs: Runs
    observations: tuple[Observation, ...]
    hyperparameters: Hyperparameters
    axes: tuple[SizeAxis, ...]
    scale: LossScale
    rungs: tuple[Sizes, ...]
    categories: Mapping[str, Category]
    ignored: tuple[IgnoredRuns, ...]
    exploded: int = 0
    unfinished_rungs: tuple[LeftRung, ...] = ()
    open_rungs: tuple[LeftRung, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters that have a coordinate."""
        return self.hyperparameters.names

    @property
    def rung_keys(self) -> tuple[tuple[float, ...], ...]:
        """The rung of each run: its index."""
        return tuple((float(r),) for r in self.runs.rung)

    @property
    def ordered(self) -> tuple[int, ...]:
        """Indices of the rungs, from the cheapest trial to the most expensive."""
        return tuple(sorted(range(len(self.rungs)), key=lambda r: rung_order(self.rungs[r])))

    def full(self, sizes: Sizes) -> Sizes:
        """Sizes with those that are not given as at the largest rung."""
        return {**self.rungs[self.ordered[-1]], **sizes}

    def size(self, sizes: Sizes) -> Array:
        """The coordinates of sizes, shape (axes,); those not given are as at the largest rung.

        Args:
            sizes: Sizes by name.

        Raises:
            InputError: A size on which the fit depends is neither given nor known.
        """
        full = self.full(sizes)
        for axis in self.axes:
            if not axis.known(full):
                raise InputError(f"no {axis.name} is known for the target; the runs differ in it")
        return np.array([axis.position(full) for axis in self.axes])

    def setting(self, values: Mapping[str, float]) -> Array:
        """The coordinates of hyperparameters, shape (hyperparameters,)."""
        return np.array([c.position(values[c.name]) for c in self.hyperparameters.coordinates])

    def values(self, setting: Array) -> dict[str, float]:
        """The hyperparameters at coordinates, with the best categories and the constants."""
        coordinates = self.hyperparameters.coordinates
        named = {c.name: c.value(float(x)) for c, x in zip(coordinates, setting, strict=True)}
        named |= {name: category.value for name, category in self.categories.items()}
        return {**named, **self.hyperparameters.constant}


def study_runs(
    observations: Sequence[Observation],
    *,
    spaces: Mapping[str, Space] | None = None,
    untrained: float | None = None,
    held: Mapping[str, float] | None = None,
) -> StudyRuns:
    """Convert observations to arrays.

    Args:
        observations: All runs of a study.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        untrained: The loss of the untrained model, if it is known.
        held: Hyperparameters of which only the runs at one value are fitted, with the value.

    Raises:
        InputError: No run finished.
    """
    complete, axes, ignored = complete_runs(observations)
    if not any(o.loss is not None for o in complete):
        raise InputError("no run finished")
    scale = loss_scale([o.loss for o in complete if o.loss is not None], untrained)
    positions = _positions(complete, axes)
    rung_keys = [tuple(row) for row in positions]
    hyperparameters = with_zeros_as_categories(
        complete, rung_keys, hyperparameters_of(complete, spaces), scale
    ).as_categories(held or {}, complete)
    categories, chosen = best_categories(complete, rung_keys, hyperparameters, scale, held)
    if left := len(chosen) - sum(chosen):
        best = ", ".join(f"{name} {c.value:g}" for name, c in categories.items())
        what = "end of the values, beside which the others are answered" if held else "category"
        ignored.append(IgnoredRuns(left, f"not at the best {what}: {best}"))
    by_rung: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for i, key in enumerate(rung_keys):
        if chosen[i]:
            by_rung[key].append(i)
    blown: set[int] = set()
    if scale.logarithmic and "lr" in hyperparameters.names:
        blown = exploded(complete, list(by_rung.values()))
        complete = [replace(o, loss=None) if i in blown else o for i, o in enumerate(complete)]
    unfinished, open_rungs = left_rungs(complete, by_rung, hyperparameters)
    # in an order of their own, so that draws and sums do not depend on which trial ended first
    rows = sorted(
        (i for members in by_rung.values() for i in members),
        key=lambda i: (rung_keys[i], *_place(complete[i])),
    )
    used = [complete[i] for i in rows]
    runs = _arrays(used, positions[rows], hyperparameters, scale)
    members = {int(r): i for i, r in reversed(list(enumerate(runs.rung)))}
    return StudyRuns(
        runs=runs,
        observations=tuple(used),
        hyperparameters=hyperparameters,
        axes=axes,
        scale=scale,
        rungs=tuple(sizes_of(used[members[r]]) for r in range(len(runs.rungs))),
        categories=categories,
        ignored=tuple(ignored),
        exploded=len(blown),
        unfinished_rungs=unfinished,
        open_rungs=open_rungs,
    )


def _arrays(
    runs: Sequence[Observation],
    positions: Array,
    hyperparameters: Hyperparameters,
    scale: LossScale,
) -> Runs:
    """Settings, sizes and transformed losses of runs, in their order."""
    settings = [setting_of_run(o) for o in runs]
    losses = [np.nan if o.loss is None else o.loss for o in runs]
    return Runs(
        settings=np.array(
            [[c.position(s[c.name]) for c in hyperparameters.coordinates] for s in settings]
        ),
        sizes=positions,
        seeds=np.array([o.seed for o in runs], dtype=np.int64),
        losses=scale.transformed(np.array(losses, dtype=float)),
        repeats=np.array([o.runs for o in runs], dtype=float),
    )


def _place(o: Observation) -> tuple[tuple[tuple[str, float], ...], int, float]:
    """The place of a run among those of its rung: by setting, seed and loss."""
    return tuple(sorted(setting_of_run(o).items())), o.seed, inf if o.loss is None else o.loss


def _positions(observations: Sequence[Observation], axes: Sequence[SizeAxis]) -> Array:
    """Coordinates of the runs' sizes, shape (runs, axes); equal up to rounding is equal."""
    columns = []
    for axis in axes:
        column = [axis.position(sizes_of(o)) for o in observations]
        same = merged(column)
        columns.append([same[p] for p in column])
    return np.array(columns).T if columns else np.zeros((len(observations), 1))
