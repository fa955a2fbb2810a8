"""What it costs to know the best learning rate to ±0.25 octaves: adaptive, a fine grid, TPE.

python -m tests.benchmarks.answer [FOLDER]

Each recipe is first trained at every eighth of an octave from 2^-12 to 2^-3 with eight seeds (kept
in FOLDER); the truth is the parabola around the lowest mean. The searches then draw from these
trials, between two rates by a line, each repeat with other seeds. TPE has no interval that could
end it: it is given the smallest number of trials at which 18 of 20 repeats are right.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable
from math import log2
from pathlib import Path

import numpy as np
import optuna
import torch

from mutransfer_cli.fit.study_fit import fit
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import rungs
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.record import Record
from mutransfer_cli.search.samplers.adaptive import AdaptiveSampler
from mutransfer_cli.search.samplers.adaptive_search.search_state import SearchState
from mutransfer_cli.surface.observation import Observation
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words

LOW, HIGH, PER_OCTAVE, SEEDS, REPEATS, RIGHT = -12, -3, 8, 8, 20, 0.25
SEARCH = "search: {sampler: adaptive, extend: 0, space: {lr: {log2: [-12, -3]}}}\n"
RECIPES = {
    "mlp, teacher, AdamW": (
        "model: {build: mlp}\ndata: {source: teacher, d_in: 64, d_out: 10}\n"
        "base: {width: 64, depth: 2, batch: 64, steps: 150}\nladder: {width: [64]}\n"
    ),
    "mlp, digits, SGD": (
        "model: {build: mlp}\ndata: {source: digits}\noptimizer: {name: sgd, momentum: 0.98}\n"
        "base: {width: 64, depth: 2, batch: 32, steps: 200}\nladder: {width: [64]}\n"
    ),
    "mlp of tanh, teacher, Adam, cosine": (
        "model: {build: mlp, args: {activation: tanh}}\n"
        "data: {source: teacher, d_in: 32, d_out: 8}\nschedule: {name: cosine}\n"
        "optimizer: {name: adam, weight_decay: 0.0}\n"
        "base: {width: 128, depth: 3, batch: 32, steps: 120}\nladder: {width: [128]}\n"
    ),
    "convnet, digits, AdamW": (
        "model: {build: convnet}\ndata: {source: digits}\n"
        "base: {width: 16, depth: 2, batch: 16, steps: 200}\nladder: {width: [16]}\n"
    ),
    "gpt, stdlib, AdamW": (
        "model: {build: gpt, args: {head_dim: 16}}\ndata: {source: stdlib, seq_len: 32}\n"
        "base: {width: 32, depth: 1, batch: 16, steps: 150}\nladder: {width: [32]}\n"
    ),
}
Table = np.ndarray  # (seeds, rates), NaN where it diverged


def dense(recipe: Recipe, path: Path) -> Table:
    """Every trial of the table; what was trained before is read from its file."""
    if path.is_file():
        return np.array(json.loads(path.read_text()), dtype=float)
    factory = ProxyFactory(recipe)
    (size,) = factory.rungs
    rates = np.arange(LOW, HIGH + 1 / PER_OCTAVE / 2, 1 / PER_OCTAVE)
    table = np.full((SEEDS, len(rates)), np.nan)
    for i, x in enumerate(rates):
        for seed in range(SEEDS):
            loss = train_trial(Trial.of(factory, size, seed, {"lr": 2.0**x})).loss
            table[seed, i] = np.nan if loss is None else loss
    path.write_text(json.dumps(table.tolist()))
    return table


def at(table: Table, seed: int, x: float) -> float | None:
    """The loss of a seed at log2(lr) = x."""
    place = (x - LOW) * PER_OCTAVE
    i = min(int(place), table.shape[1] - 2)
    value = (1 - (place - i)) * table[seed, i] + (place - i) * table[seed, i + 1]
    return float(value) if np.isfinite(value) else None


def truth(table: Table) -> float:
    """Vertex of the parabola through the means within an octave of the lowest."""
    means = table.mean(0)  # NaN where any seed diverged
    best = int(np.nanargmin(means))
    near = [
        i for i in range(best - PER_OCTAVE, best + PER_OCTAVE + 1)
        if 0 <= i < len(means) and np.isfinite(means[i])
    ]  # fmt: skip
    c, b, _ = np.polyfit(near, means[near], 2)
    return LOW + float(-b / (2 * c)) / PER_OCTAVE


Search = Callable[[Recipe, Table, list[int]], tuple[float | None, int]]  # log2(lr), trials


def adaptive(recipe: Recipe, table: Table, order: list[int]) -> tuple[float | None, int]:
    records: list[Record] = []
    sizes = rungs(recipe)
    sampler = AdaptiveSampler(search_problem(recipe, 0))
    while jobs := sampler.propose(records):
        for job in jobs:
            loss = at(table, order[job.seed % SEEDS], log2(job.params["lr"]))
            outcome = "finished" if loss is not None else "diverged"
            s = job.size
            at_size = (s.width, s.depth, s.batch, s.steps)
            records.append(Record(job.params, *at_size, job.seed, outcome, loss))
    draws = SearchState(search_problem(recipe, 0), records).optimum_draws(sizes[0])
    return float(np.median(draws)), len(records)


def grid(recipe: Recipe, table: Table, order: list[int]) -> tuple[float | None, int]:
    """Half-octave grid, three seeds, the same fit."""
    runs = [
        Observation(64, 2.0**x, s, at(table, s, x))
        for x in np.arange(LOW, HIGH + 0.25, 0.5)
        for s in order[:3]
    ]
    (rung,) = fit(runs).rungs
    return (log2(rung.optimum["lr"].value) if rung.optimum else None), len(runs)


def tpe(table: Table, order: list[int], trials: int) -> list[float | None]:
    """The best rate after each number of trials."""
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=order[0]))
    best: list[float | None] = []
    for number in range(trials):
        trial = study.ask()
        x = trial.suggest_float("x", LOW, HIGH)
        loss = at(table, order[number % SEEDS], x)
        if loss is None:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, loss)
        done = [t for t in study.trials if t.value is not None]
        best.append(study.best_params["x"] if done else None)
    return best


def right(found: float | None, true: float) -> bool:
    return found is not None and abs(found - true) <= RIGHT


def main() -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    given = given_words(__doc__)
    folder = Path(given[0]) if given else Path(tempfile.mkdtemp())
    folder.mkdir(exist_ok=True)
    print(f"{'recipe':36} {'truth':>7}  adaptive          grid              TPE")
    for name, text in RECIPES.items():
        recipe = loads(f"name: a\n{text}{SEARCH}").recipe
        table = dense(recipe, folder / f"{name}.json")
        true = truth(table)
        rng = np.random.default_rng(0)
        orders = [rng.permutation(SEEDS).tolist() for _ in range(REPEATS)]
        cells = []
        for search in (adaptive, grid):
            results = [search(recipe, table, order) for order in orders]
            share = np.mean([right(x, true) for x, _ in results])
            cells.append(f"{np.mean([n for _, n in results]):5.1f} trials {share:4.0%}")
        paths = [tpe(table, order, 200) for order in orders]
        shares = [np.mean([right(p[n], true) for p in paths]) for n in range(200)]
        enough = [n + 1 for n, share in enumerate(shares) if share >= 0.9]
        cells.append(
            f"{enough[0]:5d} trials {shares[enough[0] - 1]:4.0%}"
            if enough
            else f"never in 200 ({shares[-1]:.0%})"
        )
        print(f"{name:36} {true:7.2f}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
