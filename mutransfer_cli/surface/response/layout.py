"""Where each parameter of the response surface stands in one vector, and its prior."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mutransfer_cli.surface.response.runs import Array

LEVEL_SD = 30.0  # of a rung's level, in transformed loss: no information
START_SD = 8.0  # octaves, of the optimum about its start
DRIFT_SD = 0.6  # octaves per octave
DEPARTURE_SD = 0.07  # octaves, of a rung's optimum about the line
SKEW_SD = 0.3  # per octave, half the third derivative of the loss relative to its second
STEEPENING = (0.2, 0.2)  # per octave, mean and sd of half the difference of the two rates
LOPSIDEDNESS_SD = 0.3  # of a side's log factor, in fits of valleys lopsided near the optimum alone
NOT_LOPSIDED_SD = 1e-3  # the same in the other fits
GROWTH_SD = 0.25  # of log curvature, per octave of size
UNEVENNESS_SD = 0.15  # of a rung's log curvature about the power law
SCALE_SD = 2.0  # of log L_jj about its start
COUPLING_SD = 0.7  # of an off-diagonal of L, relative to the geometric mean of the diagonals
FLATTENING = (3.0, 1.5)  # mean and sd of log of a direction's tau, in octaves squared
SATURATION = (0.0, 1.5)  # mean and sd of log tau
WALL_LOCATION = (0.7, 0.7)  # mean and sd of log of the octaves from the optimum to the wall
WALL_STEEPNESS = (1.4, 0.4)  # mean and sd of log of its rate, per octave
WALL_GROWTH_SD = 0.1  # of log of the octaves to the wall, per octave of size: that of real ladders
WALL_DEPARTURE_SD = 0.1  # of a rung's log of the octaves to the wall


@dataclass(frozen=True)
class Layout:
    """The order of the parameters: `slices` has the blocks one after the other.

    Attributes:
        rungs: Number of rungs.
        hyperparameters: Number of hyperparameters, p.
        axes: Number of size axes, k.
        walls: Whether runs diverged, so that the loss has a wall before divergence.
    """

    rungs: int
    hyperparameters: int
    axes: int
    walls: bool = False

    @cached_property
    def slices(self) -> dict[str, slice]:
        """The slice of each block of parameters, by its name."""
        r, p, k = self.rungs, self.hyperparameters, self.axes
        lengths = {
            "level": r,
            "optimum": p,
            "drift": p * k,
            "departure": r * p,
            "skew": p,
            "steepening": p,
            "lopsidedness": p,
            "growth": k,
            "unevenness": r,
            "scale": p,
            "coupling": p * (p - 1),
            "flattening": p,
            "saturation": 1,
            "wall_location": p * self.walls,
            "wall_steepness": p * self.walls,
            "wall_growth": k * self.walls,
            "wall_departure": r * self.walls,
        }
        slices, start = {}, 0
        for name, length in lengths.items():
            slices[name] = slice(start, start + length)
            start += length
        return slices

    @property
    def size(self) -> int:
        """Number of parameters."""
        return int(self.slices["wall_departure"].stop)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The pair (j, i) of each coupling: direction v_j contains u_i."""
        p = self.hyperparameters
        return [(j, i) for j in range(p) for i in range(p) if i != j]

    def prior(
        self,
        start: Array,
        departure: float = DEPARTURE_SD,
        drift: float | Array = DRIFT_SD,
        lopsided: bool = False,
    ) -> tuple[Array, Array]:
        """Mean and standard deviation of every parameter.

        Args:
            start: The parameters at which the fit starts; levels, optimum and scale are centered
                there.
            departure: Standard deviation of a rung's optimum about the line, in octaves.
            drift: Standard deviation of the drift, in octaves per octave.
            lopsided: Whether the valley may be lopsided near the optimum alone.
        """
        mean, sd = np.zeros(self.size), np.ones(self.size)
        for name, value in (
            ("level", LEVEL_SD),
            ("optimum", START_SD),
            ("drift", drift),
            ("departure", departure),
            ("skew", SKEW_SD),
            ("steepening", STEEPENING[1]),
            ("lopsidedness", LOPSIDEDNESS_SD if lopsided else NOT_LOPSIDED_SD),
            ("growth", GROWTH_SD),
            ("unevenness", UNEVENNESS_SD),
            ("scale", SCALE_SD),
            ("coupling", COUPLING_SD),
            ("flattening", FLATTENING[1]),
            ("saturation", SATURATION[1]),
            ("wall_location", WALL_LOCATION[1]),
            ("wall_steepness", WALL_STEEPNESS[1]),
            ("wall_growth", WALL_GROWTH_SD),
            ("wall_departure", WALL_DEPARTURE_SD),
        ):
            sd[self.slices[name]] = value
        for name in ("level", "optimum", "scale"):
            mean[self.slices[name]] = start[self.slices[name]]
        mean[self.slices["saturation"]] = SATURATION[0]
        mean[self.slices["flattening"]] = FLATTENING[0]
        mean[self.slices["wall_location"]] = WALL_LOCATION[0]
        mean[self.slices["wall_steepness"]] = WALL_STEEPNESS[0]
        mean[self.slices["steepening"]] = STEEPENING[0]
        return mean, sd
