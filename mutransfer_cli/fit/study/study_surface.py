"""The response surface of a study, with answers in the units of its hyperparameters and losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.fit.study.outliers import absurdly_low, outliers
from mutransfer_cli.fit.study.size_axes import Sizes
from mutransfer_cli.fit.study.study_runs import StudyRuns, study_runs
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.surface.response.response_surface import (
    ResponseSurface,
    fit_response,
    interval,
)
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

    def optimum_draws(self, sizes: Sizes) -> Array:
        """Draws of the optimum in coordinates, shape (draws, hyperparameters)."""
        return self.surface.at(self.study.size(sizes)).optimum

    def positions(self, sizes: Sizes) -> dict[str, Interval]:
        """The optimum of every hyperparameter in coordinates (octaves or steps)."""
        draws = self.optimum_draws(sizes)
        return {name: interval(draws[:, j], self.confidence) for j, name in enumerate(self.names)}

    def optimum(self, sizes: Sizes) -> dict[str, Interval]:
        """The optimum of every hyperparameter."""
        coordinates = self.study.hyperparameters.coordinates
        positions = self.positions(sizes)
        return {c.name: c.interval(positions[c.name]) for c in coordinates}

    def chosen_setting(self, sizes: Sizes) -> Array:
        """The setting of lowest expected regret, in coordinates, shape (hyperparameters,).

        Where the loss has two optima, it is the better one, of the largest rung that shows both.
        """
        if self.second is not None:
            return self.second.lower
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
        excess = self.surface.excess(setting, self.study.size(sizes))
        return self.study.scale.relative(excess)

    def regret(self, setting: Mapping[str, float], sizes: Sizes) -> Interval:
        """The relative extra loss of a setting, which names every hyperparameter."""
        return interval(self.regret_draws(self.study.setting(setting), sizes), self.confidence)

    def transfer_regret(self, source: Sizes, target: Sizes) -> Interval:
        """The relative extra loss at one size of using the optimum of another."""
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

    def drift(self, axis: str) -> dict[str, Interval]:
        """Octaves (or steps) of the optimum of every hyperparameter per octave along an axis."""
        k = [a.name for a in self.study.axes].index(axis)
        draws = self.surface.draws.drift[:, :, k]
        return {name: interval(draws[:, j], self.confidence) for j, name in enumerate(self.names)}

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
    def noise(self) -> float:
        """Standard deviation of a loss about the level of its seed, averaged over the rungs."""
        draws, scale = self.surface.draws, self.study.scale
        deviation = float(np.sqrt(np.mean(np.median(draws.noise, axis=0) ** 2)))
        return deviation * scale.size_of_unit(float(np.median(draws.level)))

    @cached_property
    def entanglement(self) -> tuple[tuple[Interval, ...], ...]:
        """Correlations of the curvature at the optimum between hyperparameters.

        The entry (i, j) is H_ij / sqrt(H_ii H_jj) of the Hessian H = L Lᵀ in coordinates: 0 where
        two hyperparameters can be tuned one after the other.
        """
        draws = self.surface.draws
        rows = np.exp(draws.scale)[:, :, None] * draws.mixing
        hessian = np.einsum("dji,djk->dik", rows, rows)
        root = np.sqrt(np.einsum("dii->di", hessian))
        correlation = hessian / (root[:, :, None] * root[:, None, :])
        p = len(self.names)
        return tuple(
            tuple(
                Interval(value=1.0, low=1.0, high=1.0)
                if i == j
                else interval(correlation[:, i, j], self.confidence)
                for j in range(p)
            )
            for i in range(p)
        )


def study_surface(
    observations: Sequence[Observation],
    *,
    spaces: Mapping[str, Space] | None = None,
    confidence: float = 0.95,
    untrained: float | None = None,
) -> StudySurface:
    """Fit the response surface to a study.

    Args:
        observations: All runs.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
        confidence: Confidence level of all intervals, between 0 and 1.
        untrained: The loss of the untrained model, if it is known.

    Raises:
        InputError: No run finished.
    """
    study = study_runs(observations, spaces=spaces, untrained=untrained)
    low = absurdly_low(study.runs)
    left = [study.observations[i] for i in np.flatnonzero(low)]
    if left:
        study = study_runs(_without(observations, left), spaces=spaces, untrained=untrained)
    surface = fit_response(study.runs)
    high = [study.observations[i] for i in np.flatnonzero(outliers(surface))]
    if high:
        left += high
        study = study_runs(_without(observations, left), spaces=spaces, untrained=untrained)
        surface = fit_response(study.runs)
    return StudySurface(study, surface, confidence, tuple(left))


def _without(observations: Sequence[Observation], left: Sequence[Observation]) -> list[Observation]:
    """The observations without some of them."""
    out = {id(o) for o in left}
    return [o for o in observations if id(o) not in out]
