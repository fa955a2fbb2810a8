"""What is known of a ladder's largest rung: its own trials, and settings with fresh seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mutransfer_cli.fit.study.study_surface import StudySurface
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.fit.transfer.loss_levels import loss_moments
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record, observation_of
from mutransfer_cli.surface.observation import Observation
from tests.benchmarks.ladder_table import Ladder
from tests.benchmarks.ladders import TABLES, Table, population_of, train

CONFIDENCE = 0.90
CHOICES = TABLES / "choices"
SEEDS = range(20, 28)  # of the settings that are trained: no trial of the tables has them
GRAIN = 100  # settings that are trained are rounded to this fraction of an octave
Values = Mapping[str, float]


@dataclass(frozen=True)
class Rung:
    """A ladder's largest rung, by all of its own trials.

    Attributes:
        size: The rung.
        surface: The surface of its trials.
        level: The loss at its optimum with the seeds of the search.
    """

    size: Size
    surface: StudySurface
    level: float

    @property
    def sizes(self) -> dict[str, float]:
        """The sizes by name."""
        return {name: float(value) for name, value in self.size.as_dict().items()}

    @property
    def best(self) -> dict[str, float]:
        """Its own setting of lowest expected regret."""
        return self.surface.choice(self.sizes)

    def regret(self, values: Values) -> float:
        """Relative extra loss of a setting: the median of the surface's draws."""
        setting = self.surface.study.setting(values)
        return float(np.median(self.surface.regret_draws(setting, self.sizes)))


def observations(records: Sequence[Record], recipe: Recipe) -> list[Observation]:
    """The trials as observations."""
    return [observation_of(record, recipe.optimizer.lr) for record in records]


def own_rung(
    recipe: Recipe, size: Size, search: Sequence[Record], others: Sequence[Record]
) -> Rung:
    """A rung by its own trials.

    Args:
        recipe: The recipe.
        size: The rung.
        search: Its trials in the search.
        others: Its other trials, with more seeds.
    """

    def surface(records: Sequence[Record]) -> StudySurface:
        return study_surface(
            observations(records, recipe), spaces=recipe.search.space, confidence=CONFIDENCE
        )

    level = loss_moments(surface(search))[0]
    return Rung(size, surface([*search, *others]), float(level[0]))


def grained(values: Values, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """A setting as it is trained: rounded, so that a slightly different fit repeats nothing."""
    octaves = {name: round(GRAIN * math.log2(values[name])) / GRAIN for name in names}
    return tuple((name, float(f"{2.0**x:.6g}")) for name, x in octaves.items())


class Measured:
    """The losses of the settings that were trained at a ladder's largest rung."""

    def __init__(self, ladder: Ladder, recipe: Recipe) -> None:
        self.ladder, self.recipe, self.names = ladder, recipe, list(recipe.search.space)
        self.table = Table(CHOICES / f"{ladder.name}.csv", self.names)

    @property
    def search_seeds(self) -> range:
        """The seeds of the search."""
        return range(self.recipe.search.seeds)

    @property
    def settings(self) -> list[Values]:
        """The settings that were trained with all seeds."""
        distinct = {tuple(r.params.items()): r.params for r in self.table.records()}
        return [values for values in distinct.values() if self.losses(values) is not None]

    def train(self, size: Size, settings: Sequence[Values], seeds: Sequence[int]) -> None:
        """Train the settings with these seeds, as far as they have not been."""
        grains = dict.fromkeys(grained(values, self.names) for values in settings)
        jobs = [Job(size, seed, grain) for grain in grains for seed in seeds]
        new = missing(jobs, self.table.records())
        for records in train(ProxyFactory(self.recipe), new, population_of(self.ladder), "cpu"):
            self.table.append("choice", records)

    def losses(self, values: Values, seeds: Sequence[int] = SEEDS) -> np.ndarray | None:
        """The losses of a setting by seed, NaN where it diverged; None if it was not trained."""
        grain = dict(grained(values, self.names))
        losses = {r.seed: r.loss for r in self.table.records() if r.params == grain}
        if not losses.keys() >= set(seeds):
            return None
        return np.array([math.nan if losses[s] is None else losses[s] for s in seeds])

    def nearest(self, values: Values) -> Values | None:
        """The setting nearest to these values of those that finished with all seeds."""
        finished = [v for v in self.settings if np.isfinite(self.losses(v)).all()]

        def octaves(other: Values) -> float:
            return math.hypot(*(math.log2(other[name] / values[name]) for name in self.names))

        return min(finished, key=octaves, default=None)

    def regret(self, values: Values, best: Values) -> tuple[float, float] | None:
        """Relative extra loss of a setting over the best one, and its standard error."""
        losses, reference = self.losses(values), self.losses(best)
        if losses is None or reference is None:
            return None
        extra = (losses - reference) / reference.mean()
        return float(extra.mean()), float(extra.std(ddof=1) / math.sqrt(len(extra)))
