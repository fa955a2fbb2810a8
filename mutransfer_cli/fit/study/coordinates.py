"""Coordinates of searched hyperparameters: octaves where they vary by factors, else steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp2, log2
from typing import Literal

from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.surface.observation import Observation

# Decays per step: what matters is over how many steps they average, 1/(1 - value).
DECAYS = {"beta1", "beta2", "momentum"}
DECAYS |= {"optimizer.betas.0", "optimizer.betas.1", "optimizer.momentum"}
WIDE = 3.0  # a positive hyperparameter whose values vary by this factor has octaves
STEPS = 6  # into which the range of a linear hyperparameter is divided where no step is known
FEWEST_VALUES = 3  # of a hyperparameter that has an optimum; fewer are categories


@dataclass(frozen=True)
class Coordinate:
    """The coordinate of one hyperparameter.

    Attributes:
        name: Name of the hyperparameter.
        scale: `log2`: octaves; `memory`: octaves of 1/(1 - value), of a decay per step; `linear`:
            steps of its range.
        unit: The value of one step; 1 for octaves.
        zero: The coordinate at which a value of zero stands on a scale of octaves: one step below
            the smallest positive value (an assumption); None if there is no zero.
        listed: The values of a list of choices, ascending; empty for a range.
    """

    name: str
    scale: Literal["log2", "memory", "linear"] = "log2"
    unit: float = 1.0
    zero: float | None = None
    listed: tuple[float, ...] = ()

    @property
    def octaves(self) -> bool:
        """Whether the coordinate is in octaves."""
        return self.scale != "linear"

    def position(self, value: float) -> float:
        """The coordinate of a value."""
        if self.scale == "linear":
            return value / self.unit
        if self.scale == "memory":
            return -log2(1 - value)
        if value == 0 and self.zero is not None:
            return self.zero
        return log2(value)

    def value(self, position: float) -> float:
        """The value at a coordinate."""
        if self.scale == "linear":
            return position * self.unit
        if self.scale == "memory":
            return 1 - exp2(-min(max(position, 0.0), 50.0))
        if self.zero is not None and position <= self.zero:
            return 0.0
        return exp2(min(max(position, -1000.0), 1000.0))

    def interval(self, positions: Interval) -> Interval:
        """An interval of coordinates as values."""
        low, high = (
            None if bound is None else self.value(bound)
            for bound in (positions.low, positions.high)
        )
        return Interval(value=self.value(positions.value), low=low, high=high)


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of a study by the role that they have in a fit.

    Attributes:
        coordinates: Those with an optimum, the learning rate first.
        categories: Those with too few values for an optimum, with their values, ascending.
        constant: Those that did not vary, with their value.
    """

    coordinates: tuple[Coordinate, ...]
    categories: Mapping[str, tuple[float, ...]]
    constant: Mapping[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(c.name for c in self.coordinates)

    def as_categories(
        self, names: Collection[str], observations: Sequence[Observation]
    ) -> Hyperparameters:
        """The same roles, but for coordinates that become categories.

        Args:
            names: Their names.
            observations: The runs, which have their values.
        """
        values = {
            name: tuple(sorted({setting_of_run(o)[name] for o in observations})) for name in names
        }
        return replace(
            self,
            coordinates=tuple(c for c in self.coordinates if c.name not in names),
            categories={**self.categories, **values},
        )


def setting_of_run(observation: Observation) -> dict[str, float]:
    """All hyperparameters of a run, the learning rate first."""
    return {"lr": observation.lr, **observation.params}


def hyperparameters_of(
    observations: Sequence[Observation], spaces: Mapping[str, Space] | None = None
) -> Hyperparameters:
    """The role and the coordinate of every hyperparameter.

    Args:
        observations: Runs that all have the same hyperparameters.
        spaces: The spaces that were searched, by hyperparameter, where they are known.
    """
    values: dict[str, set[float]] = {}
    for o in observations:
        for name, value in setting_of_run(o).items():
            values.setdefault(name, set()).add(value)
    coordinates, categories, constant = [], {}, {}
    for name, distinct in values.items():
        ordered = tuple(sorted(distinct))
        space = (spaces or {}).get(name)
        if len(ordered) == 1:
            constant[name] = ordered[0]
        elif len(ordered) < FEWEST_VALUES and name != "lr":
            categories[name] = ordered
        else:
            coordinates.append(coordinate(name, ordered, space))
    if not coordinates and "lr" in constant:  # a single rate: still a surface, of no use
        coordinates.append(Coordinate("lr"))
        del constant["lr"]
    return Hyperparameters(tuple(coordinates), categories, constant)


def coordinate(name: str, values: Sequence[float], space: Space | None = None) -> Coordinate:
    """The coordinate of a hyperparameter.

    Args:
        name: Its name.
        values: Its distinct values, ascending.
        space: The space that was searched, if it is known.
    """
    listed = tuple(values) if space is not None and space.choice is not None else ()
    if space is not None and space.scale == "linear":
        return Coordinate(name, "linear", unit=space.spacing or 1.0)
    decays = name in DECAYS and values[0] >= 0 and values[-1] < 1
    if decays and 1 - values[0] >= WIDE * (1 - values[-1]):
        return Coordinate(name, "memory", listed=listed)
    positive = [value for value in values if value > 0]
    varied = len(positive) > 1 and positive[-1] >= WIDE * positive[0]
    if name == "lr" or (
        values[0] >= 0 and (varied or (space is not None and space.scale != "choice"))
    ):
        zero = None
        if values[0] == 0:
            step = log2(positive[-1] / positive[0]) / (len(positive) - 1)
            zero = log2(positive[0]) - step
        return Coordinate(name, zero=zero, listed=listed)
    return Coordinate(name, "linear", unit=(values[-1] - values[0]) / STEPS, listed=listed)
