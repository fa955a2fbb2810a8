"""Losses of a recipe over the sizes of one axis and the learning rate, kept as a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.horizon_costs import DIVERGED, Values

Losses = dict[tuple[int, float, int], float]  # by size, log2 of the rate and seed


@dataclass(frozen=True)
class TransferTable:
    """A grid of sizes, rates and seeds, and the file of its losses.

    Attributes:
        path: The file.
        recipe: What is trained.
        axis: The size that grows.
        sizes: Its values.
        rates: Log2 of the quoted rates.
        seeds: Number of seeds.
        key: The hyperparameter that the rates are values of.
        others: Other axes whose value differs from the base at a size.
    """

    path: Path
    recipe: Recipe
    axis: str
    sizes: Sequence[int]
    rates: Sequence[float]
    seeds: int
    key: str = "lr"
    others: Mapping[int, Mapping[str, int]] = field(default_factory=dict)

    def read(self) -> Losses:
        """The losses so far."""
        if not self.path.is_file():
            return {}
        with self.path.open(newline="") as file:
            rows = list(csv.reader(file))[1:]
        return {(int(n), float(rate), int(seed)): float(loss) for n, rate, seed, loss in rows}

    def train(self) -> None:
        """Train what is missing, and append it."""
        factory, done = ProxyFactory(self.recipe), self.read()
        for size in self.sizes:
            for seed in range(self.seeds):
                keys = [(size, float(x), seed) for x in self.rates]
                keys = [key for key in keys if key not in done]
                if not keys:
                    continue
                at = replace(factory.base, **{self.axis: size}, **self.others.get(size, {}))
                trials = [Trial.of(factory, at, seed, {self.key: 2.0**rate}) for _, rate, _ in keys]
                results = dict(train_population(trials))
                is_new = not self.path.is_file()
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with self.path.open("a", newline="") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    if is_new:
                        writer.writerow((self.axis, f"log2_{self.key}", "seed", "loss"))
                    for i, key in enumerate(keys):
                        loss = results[i].loss
                        writer.writerow((*key, "nan" if loss is None else f"{loss:.6g}"))

    def curves(self) -> tuple[Values, dict[int, Values]]:
        """The rates, and by size the log losses (seeds, rates)."""
        found, tables = self.read(), {}
        for size in self.sizes:
            logs = np.log(
                [[found[size, float(x), s] for x in self.rates] for s in range(self.seeds)]
            )
            logs[~np.isfinite(logs)] = np.nanmax(logs) + DIVERGED
            tables[size] = logs
        return np.array(self.rates, dtype=float), tables
