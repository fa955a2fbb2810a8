"""How far `probe predict-lr` is from swept optima, for recipes of different kinds.

`python -m tests.benchmarks.predicted_rates`: for every recipe the smallest rung is swept over
thirteen octaves with three seeds; each estimator's distance from that optimum is printed, and its
mean and scatter over the recipes, from which the other recipes' factor is left out in turn.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.probes.predict_lr import OCTAVES, minimum, raw_estimates
from mutransfer_cli.probes.subject.proxies import proxies_of_recipe
from mutransfer_cli.recipe.load import load
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial

LADDERS = Path("recipes/ladders")
SGD = "optimizer={name: sgd, lr: 0.5}"
RECIPES: dict[str, tuple[Path, list[str]]] = {
    "regression": (LADDERS / "regression.yaml", []),
    "mlp": (LADDERS / "mlp-teacher.yaml", []),
    "mlp, sgd": (LADDERS / "mlp-teacher.yaml", [SGD]),
    "mlp, sgd with momentum": (
        LADDERS / "mlp-teacher.yaml",
        ["optimizer={name: sgd, lr: 0.05, momentum: 0.9}"],
    ),
    "mlp, lion": (LADDERS / "mlp-teacher.yaml", ["optimizer={name: lion, lr: 0.001}"]),
    "mlp, sp": (LADDERS / "mlp-teacher.yaml", ["parameterization=sp"]),
    "mlp, deep": (LADDERS / "mlp-teacher.yaml", ["base.depth=6"]),
    "mlp, tanh, long": (
        LADDERS / "mlp-teacher.yaml",
        ["model.args.activation=tanh", "base.steps=600"],
    ),
    "mlp, digits": (Path("recipes/mlp-digits.yaml"), []),
    "mlp, small batch": (LADDERS / "mlp-teacher.yaml", ["base.batch=8"]),
    "convnet": (LADDERS / "convnet-digits.yaml", []),
    "gpt": (LADDERS / "gpt-stdlib.yaml", []),
    "llama": (
        LADDERS / "gpt-stdlib.yaml",
        [
            "model={build: 'hf:llama', args: {vocab_size: 256, head_dim: 8}}",
            "base.depth=1",
            "base.steps=100",
        ],
    ),
}


def swept(factory: ProxyFactory, octaves: tuple[int, ...]) -> float:
    """log2 of the best rate of the smallest rung, by a parabola about the lowest mean loss."""
    size, rate = factory.rungs[0], factory.recipe.optimizer.lr
    keys = [(o, seed) for o in octaves for seed in range(3)]
    trials = [Trial.of(factory, size, seed, {"lr": rate * 2.0**o}) for o, seed in keys]
    if factory.model_name.startswith("hf:"):
        results = {i: train_trial(trial) for i, trial in enumerate(trials)}
    else:
        results = dict(train_population(trials))
    losses: dict[int, list[float]] = defaultdict(list)
    for i, (octave, _) in enumerate(keys):
        loss = results[i].loss
        losses[octave].append(np.inf if loss is None else loss)
    means = {rate * 2.0**o: float(np.mean(v)) for o, v in losses.items() if np.isfinite(v).all()}
    return float(np.log2(minimum(means)))


def main() -> None:
    """Print a line for every recipe, and one for every estimator."""
    chosen = sys.argv[1:] or list(RECIPES)
    errors: dict[str, dict[str, float]] = defaultdict(dict)
    for name in chosen:
        path, sets = RECIPES[name]
        recipe = load(path, sets).recipe
        started = time.process_time()
        best = swept(ProxyFactory(recipe), OCTAVES)
        sweep_seconds = time.process_time() - started
        proxies = proxies_of_recipe(recipe, name)
        started = time.process_time()
        raw, _ = raw_estimates(proxies, proxies.sizes[0], seed=100)
        seconds = time.process_time() - started
        for estimator, rate in raw.items():
            errors[estimator][name] = best - float(np.log2(rate))
        texts = [f"{e} {errors[e][name]:+.2f}" for e in raw]
        print(
            f"{name:24s} optimum 2^{best:.2f} ({sweep_seconds:.1f} s); octaves to it: "
            f"{', '.join(texts)} ({seconds:.1f} s)",
            flush=True,
        )
    for estimator, by_name in errors.items():
        e = np.array(list(by_name.values()))
        n = len(e)
        if n < 3:
            continue
        out = np.array([v - (e.sum() - v) / (n - 1) for v in e])
        print(
            f"{estimator:12s} {n} recipes: offset {e.mean():+.2f}, scatter {e.std(ddof=1):.2f}; "
            f"left out: median error {np.median(abs(out)):.2f} octaves, within one octave "
            f"{(abs(out) <= 1).sum()} of {n}"
        )


if __name__ == "__main__":
    main()
