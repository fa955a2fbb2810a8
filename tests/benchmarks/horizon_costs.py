"""What each rule for training length and batch size costs, from the runs of `horizon_runs`.

python -m tests.benchmarks.horizon_costs     a line per recipe and ratio, then the medians

The optimum of the smallest run, moved as a rule says, is read off the curve of the larger one; its
cost is the excess over the least loss there of any rule. Curves are means of log losses over seeds,
interpolated between the octaves (modified Akima). Intervals are the 5th and 95th percentile over
resampled seeds. Medians over the recipes and over their differences follow; their intervals also
resample the recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from tests.benchmarks.given_words import given_words
from tests.benchmarks.horizon_recipes import RECIPES, TOKENS, HorizonRecipe
from tests.benchmarks.horizon_runs import HORIZONS, distinct, factors, read

DRAWS, SEED = 400, 0
DIVERGED = 0.5  # log loss above the largest finite one
FINE = 0.02  # octaves
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The losses of one recipe.

    Attributes:
        rates: Log2 of the rates.
        losses: Log losses (seeds, rates) by rule and ratio; rules that share runs share them.
    """

    rates: Values
    losses: Mapping[tuple[str, int], Values]

    @property
    def seeds(self) -> int:
        return min(len(table) for table in self.losses.values())


def curves_of(recipe: HorizonRecipe) -> Curves | None:
    """The curves of a recipe; None if runs are missing."""
    rows = read(recipe)
    low, high = recipe.rates
    rates = [float(rate) for rate in range(low, high + 1)]
    seeds = sorted({row[3] for row in rows})
    found = {row[:4]: row[4] for row in rows}
    losses = {}
    for ratio in recipe.ratios:
        shared = distinct(recipe, ratio) if ratio > 1 else dict.fromkeys(HORIZONS, "steps")
        for horizon in HORIZONS:
            table = np.array(
                [[found.get((shared[horizon], ratio, x, s), 0.0) for x in rates] for s in seeds]
            )
            table = table.reshape(len(seeds), len(rates))
            table = table[(table != 0).all(1)]
            if not len(table):
                return None
            with np.errstate(invalid="ignore"):
                logs = np.log(table)
            logs[~np.isfinite(logs)] = np.nanmax(logs) + DIVERGED
            losses[horizon, ratio] = logs
    return Curves(np.array(rates), losses)


def interpolated(rates: Values, losses: Values) -> tuple[Values, Values]:
    """A curve on a fine grid of rates."""
    fine = np.arange(rates[0], rates[-1] + FINE / 2, FINE)
    return fine, Akima1DInterpolator(rates, losses, method="makima")(fine)


def costs(recipe: HorizonRecipe, curves: Curves, seeds: Values) -> dict[tuple[str, int], float]:
    """Cost of each rule at each ratio, and under `optimum` the log2 of the optimal rate."""
    means = {key: table[seeds].mean(0) for key, table in curves.losses.items()}
    fine, smallest = interpolated(curves.rates, means["none", 1])
    start = float(fine[smallest.argmin()])
    found = {("optimum", 1): start}
    for ratio in recipe.ratios[1:]:
        by_rule = {h: interpolated(curves.rates, means[h, ratio])[1] for h in HORIZONS}
        best = min(float(curve.min()) for curve in by_rule.values())
        for horizon, curve in by_rule.items():
            moved = start + log2(factors(recipe, horizon, ratio).lr)
            position = int(np.clip(round((moved - fine[0]) / FINE), 0, len(fine) - 1))
            found[horizon, ratio] = 100 * float(np.expm1(curve[position] - best))
        found["optimum", ratio] = float(fine[by_rule["none"].argmin()])
    return found


def exponent(found: Mapping[tuple[str, int], float], ratios: tuple[int, ...]) -> float:
    """Slope of the optimal rate over the ratio, on logarithmic scales."""
    return float(np.polyfit(np.log2(ratios), [found["optimum", ratio] for ratio in ratios], 1)[0])


def interval(values: Values) -> str:
    """The 5th and 95th percentile."""
    low, high = np.percentile(values, [5, 95])
    return f"{low:.2g} to {high:.2g}"


def main() -> None:
    """Print the table and the medians."""
    given_words(__doc__)
    rng = np.random.default_rng(SEED)
    draws: dict[str, dict[tuple[str, int], Values]] = {}
    points: dict[str, dict[tuple[str, int], float]] = {}
    kinds: dict[str, list[str]] = {}
    print("| recipe | grows | ratio | steps | empirical | none | exponent of the optimum |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for recipe in (r for r in RECIPES if r.growth != TOKENS):  # see `batch_costs`
        curves = curves_of(recipe)
        if curves is None:
            continue
        n = curves.seeds
        point = points[recipe.name] = costs(recipe, curves, np.arange(n))
        sampled = [costs(recipe, curves, rng.integers(n, size=n)) for _ in range(DRAWS)]
        slopes = np.array([exponent(s, recipe.ratios) for s in sampled])
        draws[recipe.name] = {
            key: np.array([s[key] for s in sampled]) for key in point if key[0] in HORIZONS
        }
        kinds.setdefault(f"{recipe.growth}, {recipe.load('steps').optimizer.name}", []).append(
            recipe.name
        )
        for ratio in recipe.ratios[1:]:
            cells = [
                f"{point[h, ratio]:.2g} ({interval(draws[recipe.name][h, ratio])})"
                for h in HORIZONS
            ]
            slope = f"{exponent(point, recipe.ratios):+.2f} ({interval(slopes)})"
            print(f"| {recipe.name} | {recipe.growth} | {ratio} | {' | '.join(cells)} | {slope} |")
    print()
    for kind, names in kinds.items():
        print_medians(kind, names, points, draws, rng)


def print_medians(
    kind: str,
    names: list[str],
    points: Mapping[str, Mapping[tuple[str, int], float]],
    draws: Mapping[str, Mapping[tuple[str, int], Values]],
    rng: np.random.Generator,
) -> None:
    """Print median costs over recipes, and the median difference of `steps` from each rival.

    Args:
        kind: What the recipes have in common.
        names: The recipes.
        points: Costs by recipe.
        draws: Sampled costs by recipe.
        rng: Draws the recipes.
    """
    chosen = rng.integers(len(names), size=(DRAWS, len(names)))
    number = np.arange(DRAWS)[:, None]

    def median(minus: str | None, horizon: str, ratio: int) -> str:
        point = np.array([points[n][horizon, ratio] for n in names])
        sampled = np.array([draws[n][horizon, ratio] for n in names]).T
        if minus is not None:
            point = np.array([points[n][minus, ratio] for n in names]) - point
            sampled = np.array([draws[n][minus, ratio] for n in names]).T - sampled
        resampled = np.median(sampled[number, chosen], axis=1)
        return f"{np.median(point):.2g} ({interval(resampled)})"

    for ratio in sorted({ratio for name in names for _, ratio in draws[name]}):
        cells = [f"{h} {median(None, h, ratio)}" for h in HORIZONS]
        cells += [f"steps - {h} {median('steps', h, ratio)}" for h in HORIZONS[1:]]
        print(f"{kind}, {len(names)} recipes, × {ratio}: {'; '.join(cells)}")


if __name__ == "__main__":
    main()
