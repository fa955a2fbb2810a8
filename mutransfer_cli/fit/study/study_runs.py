"""From observations to the arrays that the response surface is fitted to, and back."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.study.coordinates import (
    Hyperparameters,
    hyperparameters_of,
    setting_of_run,
)
from mutransfer_cli.fit.study.loss_scale import LossScale, loss_scale
from mutransfer_cli.fit.study.size_axes import (
    SizeAxis,
    Sizes,
    merged,
    rung_order,
    size_axes,
    sizes_of,
)
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.runs import Runs

Array = NDArray[np.float64]


@dataclass(frozen=True)
class IgnoredRuns:
    """Runs that are not part of a fit.

    Attributes:
        count: How many.
        reason: Why.
    """

    count: int
    reason: str


@dataclass(frozen=True)
class Category:
    """A hyperparameter with too few values for an optimum.

    Attributes:
        value: The value whose lowest losses are the lowest: the surface is fitted to its runs.
        costs: For each value the lowest loss of a rung relative to that of the best value, minus 1:
            the median over the rungs that have both.
    """

    value: float
    costs: Mapping[float, float]


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
        unfinished_rungs: The sizes of rungs where no run finished.
    """

    runs: Runs
    observations: tuple[Observation, ...]
    hyperparameters: Hyperparameters
    axes: tuple[SizeAxis, ...]
    scale: LossScale
    rungs: tuple[Sizes, ...]
    categories: Mapping[str, Category]
    ignored: tuple[IgnoredRuns, ...]
    unfinished_rungs: tuple[Sizes, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters that have a coordinate."""
        return self.hyperparameters.names

    @property
    def ordered(self) -> tuple[int, ...]:
        """Indices of the rungs, from the cheapest trial to the most expensive."""
        return tuple(sorted(range(len(self.rungs)), key=lambda r: rung_order(self.rungs[r])))

    def size(self, sizes: Sizes) -> Array:
        """The coordinates of sizes, shape (axes,).

        A size that is not given is that of the largest rung, where it is needed.

        Args:
            sizes: Sizes by name.

        Raises:
            InputError: A size on which the fit depends is neither given nor known.
        """
        largest = dict(self.rungs[self.ordered[-1]])
        full = {**largest, **sizes}
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
) -> StudyRuns:
    """Convert observations to arrays.

    Args:
        observations: All runs of a study.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        untrained: The loss of the untrained model, if it is known.

    Raises:
        InputError: No run finished.
    """
    ignored = []
    pruned = [o for o in observations if o.pruned]
    if pruned:
        ignored.append(IgnoredRuns(len(pruned), "pruned: the final loss is unknown"))
    kept = [o for o in observations if not o.pruned]
    axes = size_axes([sizes_of(o) for o in kept])
    complete, reasons = _with_known_sizes(kept, axes)
    ignored += reasons
    complete, reasons = _with_same_names(complete)
    ignored += reasons
    if not any(o.loss is not None for o in complete):
        raise InputError("no run finished")
    hyperparameters = hyperparameters_of(complete, spaces)
    scale = loss_scale([o.loss for o in complete if o.loss is not None], untrained)
    positions = _positions(complete, axes)
    rung_keys = [tuple(row) for row in positions]
    categories, chosen = _best_categories(complete, rung_keys, hyperparameters, scale)
    left = len(chosen) - sum(chosen)
    if left:
        best = ", ".join(f"{name} {c.value:g}" for name, c in categories.items())
        ignored.append(IgnoredRuns(left, f"not at the best category: {best}"))
    finished = {key for key, o, c in zip(rung_keys, complete, chosen, strict=True)
                if c and o.loss is not None}  # fmt: skip
    rows = [i for i, key in enumerate(rung_keys) if chosen[i] and key in finished]
    without = {key: i for i, key in enumerate(rung_keys) if key not in finished}
    used = [complete[i] for i in rows]
    runs = Runs(
        settings=np.array(
            [[c.position(setting_of_run(o)[c.name]) for c in hyperparameters.coordinates]
             for o in used]
        ),
        sizes=positions[rows],
        seeds=np.array([o.seed for o in used], dtype=np.int64),
        losses=scale.transformed(
            np.array([np.nan if o.loss is None else o.loss for o in used], dtype=float)
        ),
    )  # fmt: skip
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
        unfinished_rungs=tuple(sizes_of(complete[i]) for i in without.values()),
    )


def _positions(observations: Sequence[Observation], axes: Sequence[SizeAxis]) -> Array:
    """Coordinates of the runs' sizes, shape (runs, axes); equal up to rounding is equal."""
    columns = []
    for axis in axes:
        column = [axis.position(sizes_of(o)) for o in observations]
        same = merged(column)
        columns.append([same[p] for p in column])
    return np.array(columns).T if columns else np.zeros((len(observations), 1))


def _with_known_sizes(
    observations: Sequence[Observation], axes: Sequence[SizeAxis]
) -> tuple[list[Observation], list[IgnoredRuns]]:
    """The runs whose sizes are known, and the others with the reason."""
    kept: list[Observation] = []
    lacking: Counter[str] = Counter()
    for o in observations:
        missing = [axis.name for axis in axes if not axis.known(sizes_of(o))]
        if missing:
            lacking[f"no {' and no '.join(missing)}"] += 1
        else:
            kept.append(o)
    return kept, [IgnoredRuns(count, reason) for reason, count in lacking.items()]


def _with_same_names(
    observations: Sequence[Observation],
) -> tuple[list[Observation], list[IgnoredRuns]]:
    """The runs that have every hyperparameter, and the others with the reason."""
    names = {name for o in observations for name in o.params}
    kept: list[Observation] = []
    lacking: Counter[str] = Counter()
    for o in observations:
        missing = sorted(names - set(o.params))
        if missing:
            lacking[f"no {' and no '.join(missing)}"] += 1
        else:
            kept.append(o)
    return kept, [IgnoredRuns(count, reason) for reason, count in lacking.items()]


def _best_categories(
    observations: Sequence[Observation],
    rungs: Sequence[tuple[float, ...]],
    hyperparameters: Hyperparameters,
    scale: LossScale,
) -> tuple[dict[str, Category], list[bool]]:
    """The best value of every category, and which runs have all of them.

    The combination is chosen whose lowest losses exceed those of the rungs the least, among those
    on the most rungs.

    Args:
        observations: All runs.
        rungs: The rung of each run.
        hyperparameters: Which hyperparameters are categories.
        scale: The scale of the losses.
    """
    names = tuple(hyperparameters.categories)
    if not names:
        return {}, [True] * len(observations)
    combinations = [tuple(o.params[name] for name in names) for o in observations]
    lowest: dict[tuple[float, ...], dict[tuple[float, ...], float]] = defaultdict(dict)
    for o, rung, combination in zip(observations, rungs, combinations, strict=True):
        if o.loss is not None:
            loss = float(scale.transformed(np.array(o.loss)))
            lowest[combination][rung] = min(loss, lowest[combination].get(rung, loss))
    best_of = {
        rung: min(losses[rung] for losses in lowest.values() if rung in losses)
        for rung in {rung for losses in lowest.values() for rung in losses}
    }
    best = min(
        sorted(lowest),
        key=lambda c: (-len(lowest[c]), sum(lowest[c][r] - best_of[r] for r in lowest[c])),
    )
    categories = {}
    for i, name in enumerate(names):
        costs = {}
        for value in hyperparameters.categories[name]:
            other = (*best[:i], value, *best[i + 1 :])
            shared = set(lowest.get(other, {})) & set(lowest[best])
            if shared:
                differences = [lowest[other][r] - lowest[best][r] for r in shared]
                costs[value] = float(scale.relative(np.array(median(differences))))
        categories[name] = Category(best[i], costs)
    return categories, [combination == best for combination in combinations]
