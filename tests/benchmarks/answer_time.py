"""How long it takes to know the best learning rate: adaptive against a fine grid and TPE.

python -m tests.benchmarks.answer_time [LONGER [REPEATS [PROCESSES [RECIPE …]]]]

The recipes of `answer`, with so many times the steps; both sides on two cores, with the study in
SQLite. Theirs train one trial after another, as fast as a bare loop over the model does, in one
process with torch's default threads or in two with one thread each: a half-octave grid with three
seeds, and TPE with the number of trials that `answer` found (200 where none was enough), of which
40 are run and the time of the rest is theirs. Interleaved; medians of ratios.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe, loads
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.answer import HIGH, LOW, RECIPES, SEARCH
from tests.benchmarks.given_words import given_words

CORES = 2
RUN = 40  # trials of TPE
TPE = (200, 102, 74, 200, 200)  # trials, in the order of the recipes
GRID = [LOW + i / 2 for i in range(2 * (HIGH - LOW) + 1)]
RATES_AND_SEEDS = {"x": GRID, "seed": [0, 1, 2]}


def recipe(name: str, longer: int) -> LoadedRecipe:
    loaded = loads(f"name: a\n{RECIPES[name]}{SEARCH}")
    steps = loaded.recipe.base.steps
    assert steps is not None
    text = RECIPES[name].replace(f"steps: {steps}", f"steps: {longer * steps}")
    return loads(f"name: a\n{text}{SEARCH}")


def ours(name: str, longer: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = Path(folder) / "run"
        document = sweep(recipe(name, longer), run, workers=CORES)
        return time.perf_counter() - started, document.trials.asked


@dataclass(frozen=True)
class Search:
    """One of theirs."""

    name: str
    longer: int
    kind: str  # grid | tpe
    trials: int
    processes: int


def worker(search: Search, storage: str, seed: int, ready: Any) -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(CORES // search.processes)
    made = recipe(search.name, search.longer).recipe
    factory = ProxyFactory(made)
    (size,) = factory.rungs
    sampler: optuna.samplers.BaseSampler = (
        optuna.samplers.GridSampler(RATES_AND_SEEDS, seed=0)
        if search.kind == "grid"
        else optuna.samplers.TPESampler(seed=seed)
    )
    ready.wait()  # the start of a process is in neither side's time
    study = optuna.load_study(study_name="a", storage=storage, sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", LOW, HIGH)
        draw = trial.suggest_int("seed", 0, 2) if search.kind == "grid" else trial.number % 8
        loss = train_trial(Trial.of(factory, size, draw, {"lr": 2.0**x})).loss
        if loss is None:
            raise optuna.TrialPruned
        return loss

    stop = optuna.study.MaxTrialsCallback(search.trials, states=None)
    study.optimize(objective, n_trials=search.trials, callbacks=[stop])


def theirs(search: Search) -> float:
    processes = get_context("spawn")
    ready = processes.Barrier(search.processes + 1)
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/study.db"
        optuna.create_study(study_name="a", storage=storage)
        running = [
            processes.Process(target=worker, args=(search, storage, seed, ready))
            for seed in range(search.processes)
        ]
        for process in running:
            process.start()
        ready.wait()
        started = time.perf_counter()
        for process in running:
            process.join()
        return time.perf_counter() - started


def main() -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    given = given_words(__doc__)
    longer = int(given[0]) if given else 8
    repeats = int(given[1]) if len(given) > 1 else 1
    count = int(given[2]) if len(given) > 2 else 1
    names = given[3:] or list(RECIPES)
    print(f"{'recipe':36} adaptive        grid                TPE")
    for name in names:
        enough = TPE[list(RECIPES).index(name)]
        arms = {
            "grid": Search(name, longer, "grid", 3 * len(GRID), count),
            "TPE": Search(name, longer, "tpe", RUN, count),
        }
        own, times = [], {arm: list[float]() for arm in arms}
        for _ in range(repeats):
            own.append(ours(name, longer))
            for arm, search in arms.items():
                whole = enough / RUN if arm == "TPE" else 1.0
                times[arm].append(whole * theirs(search))
        cells = [f"{median(s for s, _ in own):6.1f} s, {median(n for _, n in own):3.0f} trials"]
        for arm in arms:
            ratio = median(s / t for (s, _), t in zip(own, times[arm], strict=True))
            cells.append(f"{median(times[arm]):6.1f} s, ratio {ratio:.2f}")
        print(f"{name:36} {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
