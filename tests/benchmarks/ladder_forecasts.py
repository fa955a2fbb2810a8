"""How often the largest rung of a real ladder comes out as the smaller ones forecast.

python -m tests.benchmarks.ladder_forecasts [--train] [NAME…]

For each ladder of `ladder_table` the largest rung, or the largest two, are held out. The stage
`search` of the others is what `predict` sees; it forecasts loss and optimum of the largest rung
with 90 % intervals, where it gives intervals. The held-out rung has an optimum of its own, from all
of its trials, and a loss, of eight runs at or near the choice, with intervals of their own: a
forecast is right where the difference is within both. The seeds of a search shift all of its rungs
alike; so the forecast is also compared with the loss at the rung's optimum in the search itself,
and this with the loss of fresh seeds: no forecast from the search comes nearer to that. Regret is
the extra loss at the held-out rung of the tool's choice, and of the smallest rung's optimum, over
the rung's best setting: by the rung's own surface, and measured. `--train` trains what is measured:
each of these settings and the rung's own best one with eight common seeds, none of them a seed of
the search (tests/data/ladders/choices). Train twice: the second time, the rung's best setting is
estimated with the runs of the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import numpy as np
import torch
from scipy.stats import beta

from mutransfer_cli.documents.predict import PredictDocument
from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.fit.forecast.ladder_runs import LadderRuns
from mutransfer_cli.fit.forecast.prediction import predict
from mutransfer_cli.fit.run_fit import transfer_rules
from mutransfer_cli.fit.study.surface_fit import study_surface
from mutransfer_cli.interval import Interval
from mutransfer_cli.recipe.schema.recipe import Recipe
from tests.benchmarks.given_words import given_words
from tests.benchmarks.ladder_evidence import (
    CONFIDENCE,
    SEEDS,
    Measured,
    Rung,
    Values,
    observations,
    own_rung,
)
from tests.benchmarks.ladder_table import LADDERS, Ladder
from tests.benchmarks.ladders import TABLES, Table

NORMAL = 1.645  # quantile of the normal distribution for 90 %


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
        rules=transfer_rules(recipe),
    )
    target = {name: float(value) for name, value in sizes[-1].as_dict().items()}
    prediction = predict(runs, target, confidence=CONFIDENCE)
    surface = study_surface(
        runs.observations, spaces=runs.spaces, confidence=CONFIDENCE, limits=runs.rules.limits
    )
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

    def loss_difference(self) -> Interval | None:
        """Forecast over measured loss of the choice, minus 1; None without either.

        The loss is that of the trained setting nearest to the choice, times what the rung's surface
        says that the choice loses more or less.
        """
        forecast, choice = self.forecast.prediction.loss, self.forecast.choice
        nearest = self.measured.nearest(choice)
        if forecast is None or forecast.low is None or nearest is None:
            return None
        losses = self.measured.losses(nearest)
        losses = losses * (1 + self.rung.regret(choice)) / (1 + self.rung.regret(nearest))
        mean = float(losses.mean())
        half = NORMAL * float(losses.std(ddof=1)) / math.sqrt(len(losses))
        own = Interval(value=1.0, low=1 - half / mean, high=1 + half / mean)
        value, low, high = (x / mean for x in (forecast.value, forecast.low, forecast.high))
        return difference(Interval(value=value, low=low, high=high), own)

    @property
    def same_seed_error(self) -> float | None:
        """Forecast over the loss of the choice with the search's seeds, minus 1."""
        forecast = self.forecast.prediction.loss
        if forecast is None:
            return None
        return forecast.value / (self.rung.level * (1 + self.rung.regret(self.forecast.choice))) - 1

    @property
    def seed_shift(self) -> float | None:
        """Loss of fresh seeds over that of the search's seeds, minus 1, both at the optimum."""
        nearest = self.measured.nearest(self.rung.best)
        if nearest is None:
            return None
        optimum = self.measured.losses(nearest).mean() / (1 + self.rung.regret(nearest))
        return float(optimum) / self.rung.level - 1

    @property
    def reference(self) -> Values:
        """The best of the settings that were trained, by the rung's own surface."""
        return min(self.measured.settings, key=self.rung.regret, default=self.rung.best)

    @property
    def own_points_inside(self) -> list[bool]:
        """Whether the rung's own point is inside the forecast's interval, its own not counted."""
        own = self.rung.surface.positions(self.rung.sizes)
        return [holds(p, own[name].value) for name, p in self.forecast.optimum.items()]

    def regret(self, values: Values) -> tuple[float, float | None]:
        """Relative extra loss of a setting by the rung's surface, and as measured."""
        measured = self.measured.regret(values, self.reference)
        return self.rung.regret(values), None if measured is None else measured[0]

    def line(self) -> str:
        """One line of the table."""
        f = self.forecast
        optimum = [f"{name} {signed(d, 2)}" for name, d in self.differences.items()]
        cells = [f.ladder, str(f.held_out), "; ".join(optimum) or "no interval"]
        loss, same = self.loss_difference(), self.same_seed_error
        cells.append("–" if loss is None else signed(in_percent(loss), 1))
        cells.append("–" if same is None else f"{100 * same:+.1f}")
        for values in (f.choice, f.smallest):
            by_surface, _ = self.regret(values)
            measured = self.measured.regret(values, self.reference)
            cells.append(f"{100 * by_surface:.2f}")
            cells.append(
                "–" if measured is None else f"{100 * measured[0]:.2f} ± {100 * measured[1]:.2f}"
            )
        promised = f.prediction.regret
        cells.append("–" if promised is None else f"{100 * promised.high:.2f}")
        return "| " + " | ".join(cells) + " |"


COLUMNS = (
    "ladder",
    "held out",
    "optimum: forecast − own, octaves",
    "loss: forecast − measured, %",
    "the same seeds, %",
    "regret of the choice, %",
    "measured",
    "of the smallest rung's optimum, %",
    "measured",
    "promised at most",
)
HEADER = "| " + " | ".join(COLUMNS) + " |\n" + "| --- " * len(COLUMNS) + "|"


def in_percent(interval: Interval) -> Interval:
    """An interval times 100."""
    return Interval(value=100 * interval.value, low=100 * interval.low, high=100 * interval.high)


def signed(d: Interval, digits: int) -> str:
    """A difference with half the width of its interval, and whether 0 is outside."""
    mark = "" if holds(d) else " ✗"
    return f"{d.value:+.{digits}f} ± {(d.high - d.low) / 2:.{digits}f}{mark}"


@dataclass(frozen=True)
class Refusal:
    """A forecast that `predict` does not make.

    Attributes:
        ladder: Name of the ladder.
        held_out: Number of the largest rungs that are held out.
        reason: Why there is none.
    """

    ladder: str
    held_out: int
    reason: str

    def line(self) -> str:
        """One line of the table."""
        cells = [self.ladder, str(self.held_out), f"no forecast: {self.reason}"]
        return "| " + " | ".join(cells + ["–"] * (len(COLUMNS) - len(cells))) + " |"


def forecast_or_refusal(
    ladder: Ladder, recipe: Recipe, table: Table, held_out: int
) -> Forecast | Refusal:
    """The forecast of the largest rung, or why there is none.

    Args:
        ladder: The ladder.
        recipe: Its recipe.
        table: Its trials.
        held_out: Number of the largest rungs that are held out.
    """
    try:
        return forecast(ladder, recipe, table, held_out)
    except Inconclusive as refused:
        return Refusal(ladder.name, held_out, str(refused).removeprefix(f"{ladder.name}: "))


def outcomes(ladder: Ladder, is_training: bool) -> Iterator[Outcome | Refusal]:
    """The forecasts of a ladder, with what came true; trains what is missing where asked to."""
    recipe = ladder.load()
    size = ladder.rungs(recipe)[-1]
    table = Table(TABLES / f"{ladder.name}.csv", list(recipe.search.space))
    measured = Measured(ladder, recipe)
    search = [r for r in table.records("search") if r.size == size]
    later = [r for r in table.records() if r.size == size and r not in search]
    rung = own_rung(recipe, size, search, [*later, *measured.table.records()])
    answers = [forecast_or_refusal(ladder, recipe, table, held_out) for held_out in (1, 2)]
    forecasts = [f for f in answers if isinstance(f, Forecast)]
    if is_training:
        choices = [f.choice for f in forecasts]
        measured.train(size, [*choices, *(f.smallest for f in forecasts), rung.best], SEEDS)
        measured.train(size, choices, measured.search_seeds)
        rung = own_rung(recipe, size, search, [*later, *measured.table.records()])
    for answer in answers:
        yield Outcome(answer, rung, measured) if isinstance(answer, Forecast) else answer


def summary(all_outcomes: Sequence[Outcome]) -> str:
    """The figures over all forecasts."""
    differences = [d for o in all_outcomes for d in o.differences.values()]
    lines = []
    losses = [d for o in all_outcomes if (d := o.loss_difference()) is not None]
    if losses:
        errors = [100 * d.value for d in losses]
        lines.append(
            f"loss, fresh seeds: within both {share([holds(d) for d in losses])}; "
            f"median error {median(errors):+.2f} %, |error| {median(map(abs, errors)):.2f} %"
        )
    same = [100 * e for o in all_outcomes if (e := o.same_seed_error) is not None]
    if same:
        lines.append(
            f"loss, the search's seeds: median error {median(same):+.2f} %, "
            f"|error| {median(map(abs, same)):.2f} %"
        )
    shifts = {o.forecast.ladder: s for o in all_outcomes if (s := o.seed_shift) is not None}
    if shifts:
        apart = median(map(abs, shifts.values()))
        lines.append(
            "loss of fresh seeds over that of the search's: "
            f"median {median(shifts.values()):+.2%}, |difference| {apart:.2%}"
        )
    lines += [
        f"optimum within both intervals: {share([holds(d) for d in differences])}",
        "own point inside the forecast alone: "
        + share([inside for o in all_outcomes for inside in o.own_points_inside]),
    ]
    if differences:
        lines.append(
            f"median |difference|: {median(abs(d.value) for d in differences):.2f} octaves, "
            f"median half-width {median((d.high - d.low) / 2 for d in differences):.2f}"
        )
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
            if isinstance(outcome, Outcome):
                collected.append(outcome)
            print(outcome.line(), flush=True)
    print(summary(collected))


if __name__ == "__main__":
    main(given_words(__doc__))
