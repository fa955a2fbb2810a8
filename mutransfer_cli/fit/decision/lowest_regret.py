"""The choice: the hyperparameters of lowest expected regret, and the price of being wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.decision.unknown_axes import cost_of
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.target.support import extents, unsupported
from mutransfer_cli.interval import Interval

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChosenValue:
    """The choice of one hyperparameter.

    Attributes:
        value: The value with the interval of the optimum; no bounds where the runs support none, or
            show two optima.
        cost_of_half: Relative extra loss of half the optimum; None for a category.
        cost_of_double: Relative extra loss of twice the optimum.
        costs: Of a category, or a choice of 0: the relative extra loss of each other value.
        at_end: The end of the tried values at which it is best, if it is.
    """

    value: Interval
    cost_of_half: Interval | None = None
    cost_of_double: Interval | None = None
    costs: Mapping[float, Interval] | None = None
    at_end: str | None = None


@dataclass(frozen=True)
class Choice:
    """The choice at one size: one and the same in every command.

    Attributes:
        sizes: Where it is made.
        values: By hyperparameter.
        regret: Its relative extra loss there; without an upper bound beside a category that is best
            at an end of the tried values.
        unsupported: Why the runs give no interval for the optimum there; None if they do.
    """

    sizes: Sizes
    values: Mapping[str, ChosenValue]
    regret: Interval
    unsupported: str | None

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The values."""
        return {name: chosen.value.value for name, chosen in self.values.items()}


def choose(
    fitted: StudySurface,
    sizes: Sizes,
    *,
    unresolved: frozenset[str] = frozenset(),
    at_end: Mapping[str, str] | None = None,
) -> Choice:
    """The setting of lowest expected regret at a size.

    Where hyperparameters are held inside the tried values, the others are the best beside these.

    Args:
        fitted: The surface.
        sizes: Where the setting is used.
        unresolved: Hyperparameters whose optimum the rungs do not resolve: their values stay
            inside those that finished, and have no interval.
        at_end: For these, the end of the tried values at which they are best: it is chosen.
    """
    study = fitted.study
    setting = fitted.chosen_setting(sizes)
    moved = _moved_inside(fitted, setting, unresolved, at_end or {})
    reason = unsupported(extents(study.rungs, study.axes, study.full(sizes)))
    beside = dict(moved) if fitted.second is None else {}
    if beside:
        setting = np.median(fitted.beside(beside, sizes), axis=0)
        moved |= _moved_inside(fitted, setting, unresolved, {})
    positions = fitted.positions(sizes, beside)
    for j, position in moved.items():
        setting[j] = position
    values = {}
    for j, c in enumerate(study.hyperparameters.coordinates):
        known = reason is None and fitted.second is None and c.name not in unresolved
        interval = c.interval(positions[c.name])
        value = c.value(float(setting[j]))
        low, high = (interval.low, interval.high) if known else (None, None)
        chosen = Interval(value=value, low=low, high=high)
        if j in fitted.held:
            values[c.name] = ChosenValue(chosen, costs=fitted.zero_costs(c.name))
            continue
        values[c.name] = ChosenValue(
            chosen,
            fitted.cost_of_step(c.name, sizes, -1.0),
            fitted.cost_of_step(c.name, sizes, 1.0),
            at_end=(at_end or {}).get(c.name),
        )
    values |= {
        name: ChosenValue(
            Interval(value=category.value),
            costs=category.costs(study.scale, fitted.relative_noise, fitted.confidence),
            at_end=(at_end or {}).get(name),
        )
        for name, category in study.categories.items()
    }
    values |= {
        name: ChosenValue(Interval(value=value))
        for name, value in study.hyperparameters.constant.items()
    }
    regret = cost_of(fitted, setting, sizes)
    if study.categories.keys() & (at_end or {}).keys():  # what lies beyond the end is not known
        regret = Interval(value=regret.value, low=regret.low)
    return Choice(study.full(sizes), values, regret, reason)


def _moved_inside(
    fitted: StudySurface, setting: Array, unresolved: frozenset[str], at_end: Mapping[str, str]
) -> dict[int, float]:
    """By index, the coordinates of hyperparameters that move inside the values that were tried.

    Linear ones never leave these: beyond them they may not exist (momentum above 1).

    Args:
        fitted: The surface.
        setting: In coordinates, shape (hyperparameters,).
        unresolved: Hyperparameters whose optimum is not resolved.
        at_end: The end of the tried values at which a hyperparameter is best.
    """
    finished = fitted.study.runs.settings[~fitted.study.runs.diverged]
    low, high = finished.min(0), finished.max(0)
    moved = {}
    for j, c in enumerate(fitted.study.hyperparameters.coordinates):
        if c.name in at_end:
            moved[j] = float(low[j] if at_end[c.name] == "low" else high[j])
        elif (c.name in unresolved or not c.octaves) and not low[j] <= setting[j] <= high[j]:
            moved[j] = float(np.clip(setting[j], low[j], high[j]))
    return moved
