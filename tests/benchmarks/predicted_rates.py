"""How far `probe predict-lr` is from swept optima, for recipes of different kinds.

`python -m tests.benchmarks.predicted_rates`: for every recipe the smallest rung is swept over
thirteen octaves with three seeds; each estimator's distance from that optimum is printed, and its
mean and scatter over the recipes. With the factor and the scatter of the other recipes, follow how
often the 90 % interval holds the optimum, and how many trials `search.start: probe` saves: the
samplers run on the losses of the sweep, a grid over eleven octaves, and adaptive between its rates.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.probes.estimates.best_rate import minimum
from mutransfer_cli.probes.estimates.calibration import Calibration, calibrated
from mutransfer_cli.probes.subject.proxies import proxies_of_recipe
from mutransfer_cli.probes.trained_rates import OCTAVES, SHORT, raw_estimates
from mutransfer_cli.recipe.load import load
from mutransfer_cli.recipe.schema.search import Search
from mutransfer_cli.recipe.schema.space import Space
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.job import Job, missing
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.protocol import SearchProblem, make_sampler
from mutransfer_cli.train.population.trainer import train_population
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words
from tests.helpers.sweeps import record_with

SIZE = Size(32, 1, 1, 1)
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


Losses = dict[int, list[float]]  # of the seeds, by octave from the recipe's rate


def swept(factory: ProxyFactory, octaves: tuple[int, ...]) -> Losses:
    """The losses of the smallest rung, infinite where a run diverged."""
    size, rate = factory.rungs[0], factory.recipe.optimizer.lr
    keys = [(o, seed) for o in octaves for seed in range(3)]
    trials = [Trial.of(factory, size, seed, {"lr": rate * 2.0**o}) for o, seed in keys]
    if factory.model_name.startswith("hf:"):
        results = {i: train_trial(trial) for i, trial in enumerate(trials)}
    else:
        results = dict(train_population(trials))
    losses: Losses = defaultdict(list)
    for i, (octave, _) in enumerate(keys):
        loss = results[i].loss
        losses[octave].append(np.inf if loss is None else loss)
    return losses


def best_octave(losses: Losses) -> float:
    """Octaves to the vertex of the parabola through the lowest mean loss and its neighbours."""
    means = {2.0**o: float(np.mean(v)) for o, v in losses.items() if np.isfinite(v).all()}
    return float(np.log2(minimum(means)))


def trials_of(losses: Losses, sampler: str, start: float | None) -> tuple[int, float]:
    """Trials that a search of one rung takes, and octaves to the best rate that it finds.

    Args:
        losses: The losses, by octave from rate 1.
        sampler: Its name.
        start: Octave about which it begins; None: in the middle of the range.
    """
    search = Search(
        space={"lr": Space(log2=(-5.0, 5.0), step=1.0)}, seeds=3, extend=1, sampler=sampler
    )
    rate = None if start is None else 2.0 ** float(np.clip(start, -5, 5))
    problem = SearchProblem(search, (SIZE,), 0, {"lr": rate or 1.0}, start_rate=rate)
    found, records = make_sampler(problem), list[Record]()
    while jobs := missing(found.propose(records), records):
        records += [replace(record_with(j, at(losses, j)), flops=1.0) for j in jobs]
    sums: Losses = defaultdict(list)
    for r in records:
        sums[round(32 * np.log2(r.params["lr"]))].append(np.inf if r.loss is None else r.loss)
    if sampler == "grid":
        return len(records), best_octave({o // 32: v for o, v in sums.items()})
    kept = [r for r in records if r.loss is not None]
    x = np.array([np.log2(r.params["lr"]) for r in kept])
    y = np.log([r.loss or 0.0 for r in kept])
    near = abs(x - x[y.argmin()]) <= 1.5
    a, b, _ = np.polyfit(x[near], y[near], 2)
    return len(records), float(-b / (2 * a)) if a > 0 else float(x[y.argmin()])


def at(losses: Losses, job: Job) -> float | None:
    """The loss of a trial, between two of the sweep's; None where one of these diverged."""
    octave = float(np.clip(np.log2(job.params["lr"]), min(losses), max(losses)))
    low = min(int(np.floor(octave)), max(losses) - 1)
    first, second = losses[low][job.seed % 3], losses[low + 1][job.seed % 3]
    share = octave - low
    loss = first if share == 0 else second if share == 1 else (1 - share) * first + share * second
    return loss if np.isfinite(loss) else None


def main() -> None:
    """Print a line for every recipe, and one for every estimator."""
    chosen = given_words(__doc__) or list(RECIPES)
    errors: dict[str, dict[str, float]] = defaultdict(dict)
    tables: dict[str, tuple[Losses, float]] = {}
    for name in chosen:
        path, sets = RECIPES[name]
        recipe = load(path, sets).recipe
        started = time.process_time()
        losses, own = swept(ProxyFactory(recipe), OCTAVES), float(np.log2(recipe.optimizer.lr))
        best = own + best_octave(losses)
        tables[name] = losses, best - own
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
            f"{(abs(out) <= 1).sum()} of {n}, inside the 90 % interval {covered(e)} of {n}"
        )
    saved(tables, errors[SHORT])


def covered(errors: NDArray[np.float64]) -> int:
    """How many errors are inside the interval that the others make."""
    inside = 0
    for i, error in enumerate(errors):
        rest = np.delete(errors, i)
        calibration = Calibration(float(rest.mean()), float(rest.std(ddof=1)), len(rest))
        interval = calibrated(1.0, calibration, 0.9)
        assert interval.low is not None and interval.high is not None
        inside += bool(np.log2(interval.low) <= error <= np.log2(interval.high))
    return inside


def saved(tables: Mapping[str, tuple[Losses, float]], errors: Mapping[str, float]) -> None:
    """Print the trials with and without a start, which costs 1.3 runs.

    Args:
        tables: The losses of every recipe, and the octave of its best rate.
        errors: Octaves from the estimate to it.
    """
    for sampler in ("grid", "adaptive"):
        without, begun = [], []
        for name, (losses, best) in tables.items():
            rest = [e for other, e in errors.items() if other != name]
            start = best - errors[name] + (sum(rest) / len(rest) if rest else 0.0)
            without.append((*trials_of(losses, sampler, None), best))
            begun.append((*trials_of(losses, sampler, start), best))
        (n, far), (m, near) = (
            (sum(c for c, _, _ in rows), np.median([abs(f - b) for _, f, b in rows]))
            for rows in (without, begun)
        )
        m += 1.3 * len(begun)
        print(
            f"{sampler}: {n} trials, {m:.0f} from a start (short runs counted): {1 - m / n:.0%} "
            f"saved; median distance from the optimum {far:.2f} and {near:.2f} octaves"
        )


if __name__ == "__main__":
    main()
