"""What norms cost a trial: `python -m tests.benchmarks.norm_cost [RECIPE…]`.

For every rung of the recipes (the quickstart and the digits), trials of one and of six a
population: CPU seconds of the functions that measure norms, as a share of the whole trial, without
the one copy of the weights before the measured step. At most 3 % is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import load
from mutransfer_cli.train import training_loop
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words

RECIPES = ("recipes/quickstart.yaml", "recipes/mlp-digits.yaml")
POPULATIONS = (1, 6)
MEASURED = ("update_norms", "weight_norms")


def timed(function: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """A function whose CPU seconds are kept."""

    def call(*args: Any) -> Any:
        started = time.process_time()
        result = function(*args)
        spent.append(time.process_time() - started)
        return result

    return call


def share(factory: ProxyFactory, rung: int, members: int) -> tuple[float, float]:
    """The share of norms in a population's CPU time, and that time.

    Args:
        factory: Of the recipe.
        rung: Index of the rung.
        members: Trials of the population.
    """
    spent: list[float] = []
    kept = {name: getattr(training_loop, name) for name in MEASURED}
    trials = [Trial.of(factory, factory.rungs[rung], seed, {}) for seed in range(members)]
    for name, function in kept.items():
        setattr(training_loop, name, timed(function, spent))
    try:
        started = time.process_time()
        dict(train_population(trials))
        whole = time.process_time() - started
    finally:
        for name, function in kept.items():
            setattr(training_loop, name, function)
    return sum(spent) / whole, whole


def main() -> None:
    """Print a line for every rung and size of a population."""
    torch.set_num_threads(1)
    for path in given_words(__doc__) or RECIPES:
        factory = ProxyFactory(load(Path(path), []).recipe)
        for rung, size in enumerate(factory.rungs):
            for members in POPULATIONS:
                part, whole = share(factory, rung, members)
                print(
                    f"{path:28s} width {size.width:4d}, {members} at once: {part:.2%} of "
                    f"{whole:.1f} CPU s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
