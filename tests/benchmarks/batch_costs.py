"""What the rule for the batch at equal tokens costs, and its rivals, from `horizon_runs`.

python -m tests.benchmarks.batch_costs     a line per recipe and ratio, then the medians

At equal tokens the rules of `rules.horizon` are one: rate ∝ √batch, with beta2 by its half-life in
tokens. Rates that stay and rates ∝ batch are read off the same runs. Interpolation, costs and
intervals as in `horizon_costs`.
"""

from __future__ import annotations

from math import log2

import numpy as np

from tests.benchmarks.given_words import given_words
from tests.benchmarks.horizon_costs import (
    DRAWS,
    SEED,
    Curves,
    Values,
    curves_of,
    interpolated,
    interval,
)
from tests.benchmarks.horizon_recipes import RECIPES, TOKENS, HorizonRecipe

POWERS = {"∝ √batch": 0.5, "constant": 0.0, "∝ batch": 1.0}


def measures(recipe: HorizonRecipe, curves: Curves, seeds: Values) -> list[float]:
    """Costs in % by ratio and power, then the exponent of the optimal rate in the batch."""
    best, found = [], []
    for ratio in recipe.ratios:
        fine, curve = interpolated(curves.rates, curves.losses["steps", ratio][seeds].mean(0))
        best.append(float(fine[curve.argmin()]))
        if ratio == 1:
            continue
        for power in POWERS.values():
            nearest = int(np.abs(fine - best[0] - power * log2(ratio)).argmin())
            found.append(100 * float(np.expm1(curve[nearest] - curve.min())))
    return [*found, float(np.polyfit(np.log2(recipe.ratios), best, 1)[0])]


def main() -> None:
    """Print the table and the medians."""
    given_words(__doc__)
    rng = np.random.default_rng(SEED)
    points, draws = [], []
    print(f"| recipe | × batch | {' | '.join(POWERS)} | exponent |")
    print(f"|{' --- |' * (3 + len(POWERS))}")
    for recipe in (r for r in RECIPES if r.growth == TOKENS):
        curves = curves_of(recipe)
        if curves is None:
            continue
        n = curves.seeds
        point = measures(recipe, curves, np.arange(n))
        sampled = np.array(
            [measures(recipe, curves, rng.integers(n, size=n)) for _ in range(DRAWS)]
        )
        points.append(point)
        draws.append(sampled)
        cells = [f"{value:.2g} ({interval(sampled[:, i])})" for i, value in enumerate(point)]
        for i, ratio in enumerate(recipe.ratios[1:]):
            row = cells[i * len(POWERS) : (i + 1) * len(POWERS)]
            print(f"| {recipe.name} | {ratio} | {' | '.join(row)} | {cells[-1]} |")
    print_medians(np.array(points), np.array(draws), rng)


def print_medians(points: Values, draws: Values, rng: np.random.Generator) -> None:
    """Print the medians over recipes at the largest ratio, and of the differences from the rule.

    Args:
        points: Measures (recipes, measures).
        draws: Sampled measures (recipes, draws, measures).
        rng: Draws the recipes.
    """
    number = len(points)
    chosen = rng.integers(number, size=(DRAWS, number))
    last = slice(-1 - len(POWERS), -1)
    at, sampled = points[:, last], draws[:, :, last]
    resampled = np.array([sampled[pick, i] for i, pick in enumerate(chosen)])
    for i, name in enumerate(POWERS):
        print(f"{name}: {np.median(at[:, i]):.2g} ({interval(np.median(resampled[..., i], 1))})")
        if i:
            gap = np.median(at[:, 0] - at[:, i])
            gaps = np.median(resampled[..., 0] - resampled[..., i], 1)
            print(f"∝ √batch - {name}: {gap:.2g} ({interval(gaps)})")


if __name__ == "__main__":
    main()
