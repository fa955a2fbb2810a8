"""How often the largest rung of a real ladder comes out as the smaller ones forecast.

python -m tests.benchmarks.ladder_forecasts [--train] [NAME…]

For each ladder of `ladder_table` the largest rung, or the largest two, are held out. The stage
`search` of the others is what `predict` sees; it forecasts loss and optimum of the largest rung
with 90 % intervals, where it gives intervals. The held-out rung has an optimum of its own, from all
of its trials, and a loss, of eight runs of the choice, with intervals of their own: a forecast is
right where the difference is within both. Regret is the extra loss at the held-out rung of the
tool's choice, and of the smallest rung's optimum: by the rung's own surface, and measured.
`--train` trains what is measured: each of these settings and the rung's own best one with eight
common seeds, none of them a seed of the search (tests/data/ladders/choices).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
import torch
from scipy.stats import beta

from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import predict
from mutransfer_cli.fit.study.study_surface import StudySurface, study_surface
from mutransfer_cli.interval import Interval
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record, observation_of
from mutransfer_cli.surface.observation import Observation
from tests.benchmarks.ladder_table import LADDERS, Ladder
from tests.benchmarks.ladders import TABLES, Table, population_of, train

CONFIDENCE = 0.90
NORMAL = 1.645  # quantile of the normal distribution for 90 %
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
    """

    size: Size
    surface: StudySurface

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


@dataclass(frozen=True)
class Forecast:
    """What smaller rungs say of a ladder's largest one.

    Attributes:
        ladder: Name of the ladder.
        held_out: Number of the largest rungs that are held out.
        prediction: What `predict` says.
        smallest: The choice at the smallest rung.
    """

    ladder: str
    held_out: int
    prediction: PredictDocument
    smallest: Values

    @property
    def choice(self) -> dict[str, float]:
        """The setting of lowest expected regret."""
        return {name: optimum.value for name, optimum in self.prediction.optimum.items()}

    @property
    def optimum(self) -> dict[str, Interval]:
        """The optima that have an interval, in octaves, about the middle of their intervals."""
        return {
            name: in_octaves(optimum)
            for name, optimum in self.prediction.optimum.items()
            if optimum.low is not None
        }


def in_octaves(interval: Interval) -> Interval:
    """An interval of a hyperparameter in octaves, about its middle."""
    low, high = math.log2(interval.low), math.log2(interval.high)
    return Interval(value=(low + high) / 2, low=low, high=high)


def observations(records: Sequence[Record], recipe: Recipe) -> list[Observation]:
    """The trials as observations."""
    return [observation_of(record, recipe.optimizer.lr) for record in records]


def own_rung(ladder: Ladder, recipe: Recipe, table: Table) -> Rung:
    """The largest rung by its own trials."""
    size = ladder.rungs(recipe)[-1]
    records = [r for r in table.records() if r.size == size]
    surface = study_surface(
        observations(records, recipe), spaces=recipe.search.space, confidence=CONFIDENCE
    )
    return Rung(size, surface)


def forecast(ladder: Ladder, recipe: Recipe, table: Table, held_out: int) -> Forecast:
    """Forecast the largest rung from those that are not held out.

    Args:
        ladder: The ladder.
        recipe: Its recipe.
        table: Its trials.
        held_out: Number of the largest rungs that are held out.
    """
    sizes = ladder.rungs(recipe)
    seen = set(sizes[:-held_out])
    records = [r for r in table.records("search") if r.size in seen]
    runs = LadderRuns(
        source=ladder.name,
        observations=tuple(observations(records, recipe)),
        digest="",
        spaces=recipe.search.space,
    )
    target = {name: float(value) for name, value in sizes[-1].as_dict().items()}
    prediction = predict(runs, target, confidence=CONFIDENCE)
    surface = study_surface(runs.observations, spaces=runs.spaces, confidence=CONFIDENCE)
    return Forecast(ladder.name, held_out, prediction, surface.choice(surface.smallest))


def difference(predicted: Interval, own: Interval) -> Interval:
    """Predicted minus own, with the interval of both."""
    value = predicted.value - own.value
    low = value - math.hypot(predicted.value - predicted.low, own.high - own.value)
    high = value + math.hypot(predicted.high - predicted.value, own.value - own.low)
    return Interval(value=value, low=low, high=high)


def holds(interval: Interval, value: float = 0.0) -> bool:
    """Whether the interval contains the value."""
    return bool(interval.low <= value <= interval.high)


def grained(values: Values, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """A setting as it is trained: rounded, so that a slightly different fit repeats nothing."""
    octaves = {name: round(GRAIN * math.log2(values[name])) / GRAIN for name in names}
    return tuple((name, float(f"{2.0**x:.6g}")) for name, x in octaves.items())


class Measured:
    """The losses of the settings that were trained at a ladder's largest rung."""

    def __init__(self, ladder: Ladder, names: Sequence[str]) -> None:
        self.ladder, self.names = ladder, names
        self.table = Table(CHOICES / f"{ladder.name}.csv", names)

    def train(self, recipe: Recipe, size: Size, settings: Sequence[Values]) -> None:
        """Train the settings with all seeds, as far as they have not been."""
        grains = dict.fromkeys(grained(values, self.names) for values in settings)
        jobs = [Job(size, seed, grain) for grain in grains for seed in SEEDS]
        new = missing(jobs, self.table.records())
        for records in train(ProxyFactory(recipe), new, population_of(self.ladder)):
            self.table.append("choice", records)

    def losses(self, values: Values) -> np.ndarray | None:
        """The losses of a setting by seed, NaN where it diverged; None if it was not trained."""
        grain = dict(grained(values, self.names))
        losses = {r.seed: r.loss for r in self.table.records() if r.params == grain}
        if set(losses) < set(SEEDS):
            return None
        return np.array([math.nan if losses[s] is None else losses[s] for s in SEEDS])

    def regret(self, values: Values, best: Values) -> tuple[float, float] | None:
        """Relative extra loss of a setting over the best one, and its standard error."""
        losses, reference = self.losses(values), self.losses(best)
        if losses is None or reference is None:
            return None
        extra = (losses - reference) / reference.mean()
        return float(extra.mean()), float(extra.std(ddof=1) / math.sqrt(len(extra)))


def share(right: Sequence[bool]) -> str:
    """A share with its 95 % binomial interval (Clopper and Pearson 1934)."""
    k, n = sum(right), len(right)
    if n == 0:
        return "–"
    low = beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return f"{k}/{n} = {k / n:.2f} ({low:.2f} to {high:.2f})"


def mean_and_error(values: Sequence[float]) -> str:
    """A mean with its standard error and the largest value, in percent."""
    if len(values) < 2:
        return "–"
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    return f"{100 * fmean(values):.2f} ± {100 * error:.2f}, at most {100 * max(values):.2f}"


@dataclass(frozen=True)
class Outcome:
    """A forecast with what came true.

    Attributes:
        forecast: The forecast.
        rung: The held-out rung.
        measured: What was trained there.
    """

    forecast: Forecast
    rung: Rung
    measured: Measured

    @property
    def differences(self) -> dict[str, Interval]:
        """Forecast minus own optimum of each hyperparameter, in octaves."""
        own = self.rung.surface.positions(self.rung.sizes)
        return {name: difference(p, own[name]) for name, p in self.forecast.optimum.items()}

    @property
    def loss_difference(self) -> Interval | None:
        """Forecast over measured loss of the choice, minus 1; None without either."""
        forecast, losses = self.forecast.prediction.loss, self.measured.losses(self.forecast.choice)
        if forecast is None or forecast.low is None or losses is None:
            return None
        mean = float(losses.mean())
        half = NORMAL * float(losses.std(ddof=1)) / math.sqrt(len(losses))
        own = Interval(value=1.0, low=1 - half / mean, high=1 + half / mean)
        value, low, high = (x / mean for x in (forecast.value, forecast.low, forecast.high))
        return difference(Interval(value=value, low=low, high=high), own)

    @property
    def own_points_inside(self) -> list[bool]:
        """Whether the rung's own point is inside the forecast's interval, its own not counted."""
        own = self.rung.surface.positions(self.rung.sizes)
        return [holds(p, own[name].value) for name, p in self.forecast.optimum.items()]

    def regret(self, values: Values) -> tuple[float, float | None]:
        """Relative extra loss of a setting by the rung's surface, and as measured."""
        measured = self.measured.regret(values, self.rung.best)
        return self.rung.regret(values), None if measured is None else measured[0]

    def line(self) -> str:
        """One line of the table."""
        f = self.forecast
        optimum = [f"{name} {signed(d, 2)}" for name, d in self.differences.items()]
        loss = self.loss_difference
        percent = (
            None
            if loss is None
            else loss.model_copy(
                update={key: 100 * getattr(loss, key) for key in ("value", "low", "high")}
            )
        )
        cells = [f.ladder, str(f.held_out), "; ".join(optimum) or "no interval"]
        cells.append("–" if percent is None else signed(percent, 1))
        for values in (f.choice, f.smallest):
            by_surface, _ = self.regret(values)
            measured = self.measured.regret(values, self.rung.best)
            cells.append(f"{100 * by_surface:.2f}")
            cells.append(
                "–" if measured is None else f"{100 * measured[0]:.2f} ± {100 * measured[1]:.2f}"
            )
        promised = f.prediction.regret
        cells.append("–" if promised is None else f"{100 * promised.high:.2f}")
        return "| " + " | ".join(cells) + " |"


HEADER = (
    "| ladder | held out | optimum: forecast − own, octaves | loss: forecast − measured, % "
    "| regret of the choice, % | measured | of the smallest rung's optimum, % | measured "
    "| promised at most |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def signed(d: Interval, digits: int) -> str:
    """A difference with half the width of its interval, and whether 0 is outside."""
    mark = "" if holds(d) else " ✗"
    return f"{d.value:+.{digits}f} ± {(d.high - d.low) / 2:.{digits}f}{mark}"


def outcomes(ladder: Ladder, is_training: bool) -> Iterator[Outcome]:
    """The forecasts of a ladder, with what came true; trains what is missing where asked to."""
    recipe = ladder.load()
    names = list(recipe.search.space)
    table = Table(TABLES / f"{ladder.name}.csv", names)
    rung = own_rung(ladder, recipe, table)
    measured = Measured(ladder, names)
    forecasts = [forecast(ladder, recipe, table, held_out) for held_out in (1, 2)]
    if is_training:
        settings = [v for f in forecasts for v in (f.choice, f.smallest)]
        measured.train(recipe, rung.size, [*settings, rung.best])
    for each in forecasts:
        yield Outcome(each, rung, measured)


def summary(all_outcomes: Sequence[Outcome]) -> str:
    """The figures over all forecasts."""
    differences = [d for o in all_outcomes for d in o.differences.values()]
    losses = [d for o in all_outcomes if (d := o.loss_difference) is not None]
    lines = [
        f"loss within both intervals: {share([holds(d) for d in losses])}",
        f"median |error| of the loss: {100 * median(abs(d.value) for d in losses):.2f} %"
        if losses
        else "no loss measured",
        f"optimum within both intervals: {share([holds(d) for d in differences])}",
        "own point inside the forecast alone: "
        + share([inside for o in all_outcomes for inside in o.own_points_inside]),
        f"median |difference|: {median(abs(d.value) for d in differences):.2f} octaves, "
        f"median half-width {median((d.high - d.low) / 2 for d in differences):.2f}",
    ]
    for label, pick in (("tool's choice", "choice"), ("smallest rung's optimum", "smallest")):
        regrets = [o.regret(getattr(o.forecast, pick)) for o in all_outcomes]
        trained = [measured for _, measured in regrets if measured is not None]
        lines.append(f"regret of the {label}, %: {mean_and_error([r for r, _ in regrets])}")
        lines.append(f"  measured in {len(trained)}: {mean_and_error(trained)}")
    promises = [(o, o.forecast.prediction.regret) for o in all_outcomes]
    kept = [o.regret(o.forecast.choice)[0] <= p.high for o, p in promises if p is not None]
    lines.append(f"promised upper end of the regret holds, by the rung's surface: {share(kept)}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """Print the table of the ladders that are named, or all that have been trained."""
    torch.set_num_threads(1)
    names = [a for a in arguments if not a.startswith("-")]
    chosen = [
        ladder
        for ladder in LADDERS
        if (ladder.name in names or not names) and (TABLES / f"{ladder.name}.csv").is_file()
    ]
    print(HEADER, flush=True)
    collected: list[Outcome] = []
    for ladder in chosen:
        for outcome in outcomes(ladder, "--train" in arguments):
            collected.append(outcome)
            print(outcome.line(), flush=True)
    print(summary(collected))


if __name__ == "__main__":
    main(sys.argv[1:])
