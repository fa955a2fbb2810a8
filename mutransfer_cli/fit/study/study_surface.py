"""The response surface of a study, with answers in the units of its hyperparameters and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.study.choices.held_at_zero import (
    beside,
    best_at_zero,
    zero_category,
)
from mutransfer_cli.fit.study.entanglement import displacement, entanglement
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_runs import StudyRuns
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import ResponseSurface, interval
from mutransfer_cli.surface.response.second_optimum import SecondOptimum, second_optimum

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StudySurface:
    """The surface of a study.

    Sizes are given by name; those that are not given are those of the largest rung. Losses are
    relative to the loss, or fractions of what training gained where losses can be negative.

    Attributes:
        study: The runs as arrays.
        surface: The surface that was fitted to them.
        confidence: Confidence level of all intervals.
        outliers: Runs whose losses belong to no surface; they are not part of the fit.
    """

    study: StudyRuns
    surface: ResponseSurface
    confidence: float
    outliers: tuple[Observation, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the hyperparameters that have an optimum."""
        return self.study.names

    @property
    def smallest(self) -> Sizes:
        """The rung with the cheapest trials."""
        return self.study.rungs[self.study.ordered[0]]

    @property
    def largest(self) -> Sizes:
        """The rung with the most expensive trials."""
        return self.study.rungs[self.study.ordered[-1]]

    @cached_property
    def held(self) -> dict[int, float]:
        """By index, the coordinate of 0 of every hyperparameter that is best there."""
        study = self.study
        return best_at_zero(
            study.observations, study.rung_keys, study.scale, study.hyperparameters.coordinates
        )

    def beside_zero(self, optima: Array) -> Array:
        """Draws of an optimum, with hyperparameters that are best at 0 held there."""
        return beside(optima, self.surface.draws, self.held)

    def optimum_draws(self, sizes: Sizes) -> Array:
        """Draws of the optimum in coordinates, shape (draws, hyperparameters)."""
        return self.beside_zero(self.surface.at(self.study.size(sizes)).optimum)

    def beside(self, held: Mapping[int, float], sizes: Sizes) -> Array:
        """Draws of the best setting with some coordinates held, shape (draws, hyperparameters)."""
        best = self.surface.at(self.study.size(sizes)).optimum
        return beside(best, self.surface.draws, self.held | dict(held))

    def zero_costs(self, name: str, rungs: Sequence[int] | None = None) -> dict[float, Interval]:
        """The relative extra loss of each positive value of a hyperparameter that is best at 0.

        Args:
            name: The hyperparameter.
            rungs: Indices of the rungs to count; None: all.
        """
        pairs = zip(self.study.observations, self.study.rung_keys, strict=True)
        kept = [(o, key) for o, key in pairs if rungs is None or int(key[0]) in rungs]
        runs, keys = [o for o, _ in kept], [key for _, key in kept]
        category = zero_category(runs, keys, self.study.scale, name)
        return category.costs(self.study.scale, self.relative_noise, self.confidence)

    def positions(
        self, sizes: Sizes, held: Mapping[int, float] | None = None
    ) -> dict[str, Interval]:
        """The optimum of every hyperparameter in coordinates (octaves or steps).

        One that is best at 0 is below the smallest value that is shown to be worse.

        Args:
            sizes: Where it is the optimum.
            held: By index, coordinates beside which the others are best; these keep their optimum.
        """
        free = self.optimum_draws(sizes)
        draws = self.beside(held, sizes) if held else free
        draws[:, list(held or ())] = free[:, list(held or ())]
        found = {name: interval(draws[:, j], self.confidence) for j, name in enumerate(self.names)}
        for j, zero in self.held.items():
            costs = self.zero_costs(self.names[j])
            worse = [value for value, cost in costs.items() if (cost.low or 0.0) > 0]
            coordinate = self.study.hyperparameters.coordinates[j]
            high = coordinate.position(min(worse, default=max(costs)))
            found[self.names[j]] = Interval(value=zero, low=zero, high=high)
        return found

    def optimum(self, sizes: Sizes, held: Mapping[int, float] | None = None) -> dict[str, Interval]:
        """The optimum of every hyperparameter, as `positions`."""
        found = self.positions(sizes, held)
        return {c.name: c.interval(found[c.name]) for c in self.study.hyperparameters.coordinates}

    def chosen_setting(self, sizes: Sizes) -> Array:
        """The setting of lowest expected regret, in coordinates, shape (hyperparameters,).

        Where the loss has two optima, it is the better one, of the largest rung that shows both.
        """
        if self.second is not None:
            return self.second.lower
        if self.held:
            return np.asarray(np.median(self.optimum_draws(sizes), axis=0))
        return self.surface.lowest_regret(self.study.size(sizes))

    def choice(self, sizes: Sizes) -> dict[str, float]:
        """The setting of lowest expected regret, with the best categories and constants."""
        return self.study.values(self.chosen_setting(sizes))

    def regret_draws(self, setting: Array, sizes: Sizes) -> Array:
        """Draws of the relative extra loss of a setting, shape (draws,).

        Args:
            setting: In coordinates, shape (hyperparameters,) or (draws, hyperparameters).
            sizes: Where it is used.
        """
        size, best = self.study.size(sizes), self.optimum_draws(sizes)
        excess = self.surface.excess(setting, size)
        if self.held:
            excess = np.maximum(excess - self.surface.excess(best, size), 0.0)
        return self.study.scale.relative(excess)

    def regret(self, setting: Mapping[str, float], sizes: Sizes) -> Interval:
        """The relative extra loss of a setting, which names every hyperparameter."""
        return interval(self.regret_draws(self.study.setting(setting), sizes), self.confidence)

    def transfer_regret(self, source: Sizes, target: Sizes) -> Interval:
        """The relative extra loss at one size of using the optimum of another."""
        if self.held and len(self.names) == 1:
            at = self.surface.at(self.study.size(target)).rung
            costs = self.zero_costs(self.names[0], None if at is None else [at])
            gain = max((-cost.low for cost in costs.values() if cost.low is not None), default=0.0)
            return Interval(value=0.0, low=0.0, high=max(gain, 0.0))
        return interval(self.regret_draws(self.optimum_draws(source), target), self.confidence)

    def cost_of_step(self, name: str, sizes: Sizes, octaves: float) -> Interval:
        """The relative extra loss of an error in one hyperparameter, the others at their optimum.

        Args:
            name: The hyperparameter.
            sizes: Where it is used.
            octaves: The error: 1 is twice the optimum, -1 half of it (or a step of a linear one).
        """
        setting = self.optimum_draws(sizes).copy()
        setting[:, self.names.index(name)] += octaves
        return interval(self.regret_draws(setting, sizes), self.confidence)

    def cost_alone(self, name: str, octaves: float) -> Interval:
        """The relative extra loss, at the largest rung, of not tuning a hyperparameter again.

        It was tuned while each of the others was off; these are at their optimum since.

        Args:
            name: The hyperparameter.
            octaves: How far each of the others was off, with the signs whose effects add up; mean
                over these signs and their opposites.
        """
        j, best = self.names.index(name), self.optimum_draws(self.largest)
        moved = displacement(self.surface.draws, j, octaves)
        costs = []
        for shift in (moved, -moved):
            setting = best.copy()
            setting[:, j] += shift
            costs.append(self.regret_draws(setting, self.largest))
        return interval(np.mean(costs, axis=0), self.confidence)

    def cost_of_smallest(self, name: str) -> Interval:
        """The relative extra loss, at the largest rung, of a smaller rung's optimum of one.

        The other hyperparameters are at their optimum at the largest rung.

        Args:
            name: The hyperparameter whose optimum at the smallest rung is used.
        """
        j, setting = self.names.index(name), self.optimum_draws(self.largest).copy()
        setting[:, j] = self.optimum_draws(self.smallest)[:, j]
        return interval(self.regret_draws(setting, self.largest), self.confidence)

    def drift(self, axis: str) -> dict[str, Interval]:
        """Octaves (or steps) of the optimum of every hyperparameter per octave along an axis.

        Hyperparameters that are best at 0 have none.
        """
        k = [a.name for a in self.study.axes].index(axis)
        draws = self.surface.draws.drift[:, :, k]
        return {
            name: interval(draws[:, j], self.confidence)
            for j, name in enumerate(self.names)
            if j not in self.held
        }

    def loss(self, rung: int) -> Interval:
        """The loss at the optimum of a rung."""
        level = interval(self.surface.draws.level[:, rung], self.confidence)
        values = (level.value, level.low, level.high)
        value, low, high = (self.study.scale.loss(x) for x in values if x is not None)
        return Interval(value=value, low=low, high=high)

    @cached_property
    def second(self) -> SecondOptimum | None:
        """A second optimum, which the surface cannot follow; None if the runs show one valley."""
        return second_optimum(self.surface)

    @property
    def relative_noise(self) -> float:
        """Standard deviation of a transformed loss, averaged over the rungs."""
        return float(np.sqrt(np.mean(np.median(self.surface.draws.noise, axis=0) ** 2)))

    @property
    def noise(self) -> float:
        """Standard deviation of a loss about the level of its seed, averaged over the rungs."""
        draws, scale = self.surface.draws, self.study.scale
        return self.relative_noise * scale.size_of_unit(float(np.median(draws.level)))

    @cached_property
    def entanglement(self) -> tuple[tuple[Interval, ...], ...]:
        """Correlations of the curvature at the optimum between hyperparameters."""
        return entanglement(self.surface.draws, self.confidence)
