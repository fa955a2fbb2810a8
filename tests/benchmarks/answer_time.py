"""How long it takes to know the best learning rate: adaptive against a fine grid and TPE.

python -m tests.benchmarks.answer_time [LONGER [REPEATS [RECIPE …]]]

The recipes of `answer`, with so many times the steps; both sides on two cores, with the study in
SQLite. Theirs are two processes that train one trial after another, ours as fast as a bare loop
over the model does: a half-octave grid with three seeds, and TPE with the number of trials that
`answer` found (200 where none was enough). Interleaved; medians of ratios.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import torch

from mutransfer_cli.fit.rungs import shapes
from mutransfer_cli.recipe.load import Loaded, loads, override
from mutransfer_cli.recipe.size import rungs
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.trial import train
from tests.benchmarks.answer import HIGH, LOW, RECIPES, SEARCH

CORES = 2
TPE = (200, 102, 74, 200, 200)  # trials, in the order of the recipes
GRID = [LOW + i / 2 for i in range(2 * (HIGH - LOW) + 1)]
RATES_AND_SEEDS = {"x": GRID, "seed": [0, 1, 2]}


def recipe(name: str, longer: int) -> Loaded:
    loaded = loads(f"name: a\n{RECIPES[name]}{SEARCH}")
    steps = loaded.recipe.base.steps
    assert steps is not None
    text = RECIPES[name].replace(f"steps: {steps}", f"steps: {longer * steps}")
    return loads(f"name: a\n{text}{SEARCH}")


def ours(name: str, longer: int) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run = Path(folder) / "run"
        document = sweep(recipe(name, longer), run, workers=CORES, fitted=shapes)
        return time.perf_counter() - started, document.trials.asked


def worker(name: str, longer: int, storage: str, trials: int, kind: str, seed: int) -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)
    made = recipe(name, longer).recipe
    (size,) = rungs(made)
    sampler: optuna.samplers.BaseSampler = (
        optuna.samplers.GridSampler(RATES_AND_SEEDS, seed=0)
        if kind == "grid"
        else optuna.samplers.TPESampler(seed=seed)
    )
    study = optuna.load_study(study_name="a", storage=storage, sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", LOW, HIGH)
        draw = trial.suggest_int("seed", 0, 2) if kind == "grid" else trial.number % 8
        loss = train(override(made, {"lr": 2.0**x}), size, draw).loss
        if loss is None:
            raise optuna.TrialPruned
        return loss

    stop = optuna.study.MaxTrialsCallback(trials, states=None)
    study.optimize(objective, n_trials=trials, callbacks=[stop])


def theirs(name: str, longer: int, kind: str, trials: int) -> float:
    processes: Any = get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        storage = f"sqlite:///{folder}/study.db"
        optuna.create_study(study_name="a", storage=storage)
        running = [
            processes.Process(target=worker, args=(name, longer, storage, trials, kind, seed))
            for seed in range(CORES)
        ]
        for process in running:
            process.start()
        for process in running:
            process.join()
        return time.perf_counter() - started


def main() -> None:
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(1)  # a fork of a process with threads would hang
    longer = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    names = sys.argv[3:] or list(RECIPES)
    print(f"{'recipe':36} adaptive        grid                TPE")
    for name in names:
        enough = TPE[list(RECIPES).index(name)]
        arms: dict[str, Callable[[], float]] = {
            "grid": lambda name=name: theirs(name, longer, "grid", 3 * len(GRID)),  # type: ignore[misc]
            "TPE": lambda name=name, n=enough: theirs(name, longer, "tpe", n),  # type: ignore[misc]
        }
        own, times = [], {arm: list[float]() for arm in arms}
        for _ in range(repeats):
            own.append(ours(name, longer))
            for arm, run in arms.items():
                times[arm].append(run())
        cells = [f"{median(s for s, _ in own):6.1f} s, {median(n for _, n in own):3.0f} trials"]
        for arm in arms:
            ratio = median(s / t for (s, _), t in zip(own, times[arm], strict=True))
            cells.append(f"{median(times[arm]):6.1f} s, ratio {ratio:.2f}")
        print(f"{name:36} {'  '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
