"""Train the recipes of `horizon_recipes` at every ratio and rate, and keep their losses.

python -m tests.benchmarks.horizon_runs [SEEDS [PART]]

Four seeds by default, of the recipes whose name has that part; appends what is missing.

The losses go to tests/data/horizon/NAME.csv: horizon rule, ratio, log2 of the peak learning rate
that the optimizer is given, seed, loss (`nan` where the run diverged). Where two rules lead to the
same runs at the same rates, these are trained once.
"""

from __future__ import annotations

import csv
import time
import warnings
from functools import cache
from math import log2
from pathlib import Path

import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.rules.horizon_rules import HorizonRule, horizon_rule
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words
from tests.benchmarks.horizon_recipes import RECIPES, HorizonRecipe

TABLES = Path(__file__).parents[1] / "data" / "horizon"
HORIZONS = ("steps", "empirical", "none")
SEEDS = 4
POPULATION = 9  # trials that train as one computation
Row = tuple[str, int, float, int, float]  # horizon, ratio, log2 rate, seed, loss


@cache
def factors(recipe: HorizonRecipe, horizon: str, ratio: int) -> HorizonRule:
    """The factors of a rule at a ratio."""
    size, base = recipe.size(ratio), recipe.base
    m_batch = size.batch / base.batch
    name = recipe.load(horizon).optimizer.full_name
    return horizon_rule(
        horizon, "keep", optimizer_spec(name).geometry, m_batch, m_batch * size.steps / base.steps
    )


def distinct(recipe: HorizonRecipe, ratio: int) -> dict[str, str]:
    """By rule, the first rule whose runs at the same rates are the same."""
    decays = recipe.load("steps").optimizer.weight_decay > 0
    found: dict[object, str] = {}
    first = {}
    for horizon in HORIZONS:
        f = factors(recipe, horizon, ratio)
        # without decay only the second moment's average matters: epsilon is tiny
        key = (f.beta2, (f.lr, f.weight_decay) if decays else None)
        if recipe.load(horizon).optimizer.full_name == "sgd":
            key = (None, None)
        first[horizon] = found.setdefault(key, horizon)
    return first


def read(recipe: HorizonRecipe) -> list[Row]:
    """The runs so far."""
    path = TABLES / f"{recipe.name.replace(', ', '-').replace(' ', '-')}.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            (r["horizon"], int(r["ratio"]), float(r["log2_lr"]), int(r["seed"]), float(r["loss"]))
            for r in csv.DictReader(file)
        ]


def append(recipe: HorizonRecipe, rows: list[Row]) -> None:
    """Add runs to the table."""
    path = TABLES / f"{recipe.name.replace(', ', '-').replace(' ', '-')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.is_file()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(("horizon", "ratio", "log2_lr", "seed", "loss"))
        writer.writerows((*row[:4], f"{row[4]:.6g}") for row in rows)


def train(recipe: HorizonRecipe, seeds: int) -> None:
    """Train what is missing of a recipe."""
    done = {row[:4] for row in read(recipe)}
    rates = range(recipe.rates[0], recipe.rates[1] + 1)
    for ratio in recipe.ratios:
        trained = sorted(set(distinct(recipe, ratio).values())) if ratio > 1 else ["steps"]
        for horizon in trained:
            todo = [
                (horizon, ratio, float(rate), seed)
                for seed in range(seeds)
                for rate in rates
                if (horizon, ratio, float(rate), seed) not in done
            ]
            factory = ProxyFactory(recipe.load(horizon, ratio))
            quoted = -log2(factors(recipe, horizon, ratio).lr)
            for start in range(0, len(todo), POPULATION):
                keys = todo[start : start + POPULATION]
                trials = [
                    Trial.of(factory, recipe.size(ratio), seed, {"lr": 2.0 ** (rate + quoted)})
                    for _, _, rate, seed in keys
                ]
                results = dict(train_population(trials))
                losses = [results[i].loss for i in range(len(keys))]
                append(
                    recipe,
                    [
                        (*key, float("nan") if loss is None else loss)
                        for key, loss in zip(keys, losses, strict=True)
                    ],
                )


def main() -> None:
    """Train all recipes, the cheapest directions first."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = given_words(__doc__)
    seeds = int(given[0]) if given else SEEDS
    part = given[1] if len(given) > 1 else ""
    for recipe in (recipe for recipe in RECIPES if part in recipe.name):
        started = time.perf_counter()
        train(recipe, seeds)
        print(f"{recipe.name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
