"""Sweeps of 32 trials against mup's MuAdamW and an Optuna loop, the same trials one after another.

python -m tests.benchmarks.throughput [steps [repeats [widths [cores]]]]

Each arm gets the same data, seeds and learning rates, keeps its study in SQLite, and looks at the
validation loss once. Ours includes the calibration. Interleaved; medians of ratios.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.data.open import open_source
from mutransfer_cli.recipe.load import Loaded, loads
from mutransfer_cli.search.sweep import sweep

Arm = Callable[[int], tuple[float, float]]
BASE = 32
RATES = (-12.0, -4.25, 0.25)  # 32 of them, in log2


def recipe(width: int, steps: int) -> Loaded:
    low, high, step = RATES
    return loads(
        "name: t\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 64, d_out: 10}\n"
        f"optimizer: {{name: adamw, lr: 0.01, weight_decay: 0.1}}\n"
        f"base: {{width: {width}, depth: 2, batch: 64, steps: {steps}}}\n"
        f"ladder: {{width: [{width}]}}\n"
        f"search: {{seeds: 1, extend: 0, space: {{lr: {{log2: [{low}, {high}], step: {step}}}}}}}\n"
    )


def ours(width: int, steps: int, workers: int) -> tuple[float, float, str]:
    """Seconds, best loss, and the way that was chosen."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        document = sweep(recipe(width, steps), Path(folder) / "run", workers=workers)
        seconds = time.perf_counter() - started
    assert document.trials.finished + document.trials.diverged == 32 and document.best is not None
    return seconds, document.best.loss, f"population of {document.population.size}"


class Net(nn.Module):
    """The same network with mup's readout."""

    def __init__(self, width: int) -> None:
        from mup import MuReadout

        super().__init__()
        self.first = nn.Linear(64, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.readout = MuReadout(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        for layer in self.hidden:
            h = torch.relu(layer(h))
        y: Tensor = self.readout(h)
        return y


def theirs(width: int, steps: int, threads: int) -> tuple[float, float]:
    """Seconds and best loss: mup and Optuna, trial after trial."""
    import optuna
    from mup import MuAdamW, set_base_shapes

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    torch.set_num_threads(threads)
    source = open_source(recipe(width, steps).recipe)
    low, high, step = RATES
    grid = [low + i * step for i in range(32)]

    def objective(trial: Any) -> float:
        rate = 2.0 ** trial.suggest_float("lr", low, high)
        torch.manual_seed(0)
        model = Net(width)
        set_base_shapes(model, Net(BASE), delta=Net(2 * BASE))
        optimizer = MuAdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
        peaks = [g["lr"] for g in optimizer.param_groups]
        warm = round(0.1 * steps)
        for i in range(steps):
            share = (i + 1) / warm if i < warm else (steps - i) / (steps - warm)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            x, y = source.batch(0, i, 64)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if i % 10 == 9 and not bool(torch.isfinite(loss)):
                raise optuna.TrialPruned
        with torch.no_grad():
            losses = [F.cross_entropy(model(x), y) for x, y in source.validation(64)]
        return float(torch.stack(losses).mean())

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        sampler = optuna.samplers.GridSampler({"lr": grid})
        study = optuna.create_study(storage=f"sqlite:///{folder}/study.db", sampler=sampler)
        study.optimize(objective, n_trials=32)
        return time.perf_counter() - started, study.best_value


def main() -> None:
    warnings.simplefilter("ignore")
    given = sys.argv[1:]
    steps = int(given[0]) if given else 1000
    repeats = int(given[1]) if len(given) > 1 else 3
    widths = [int(w) for w in given[2].split(",")] if len(given) > 2 else [64, 128, 256, 512]
    cores = int(given[3]) if len(given) > 3 else 1
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    torch.set_num_threads(1)
    arms: dict[str, Arm] = {"one thread": lambda w: theirs(w, steps, 1)}
    if cores > 1:
        arms["torch's default threads"] = lambda w: theirs(w, steps, cores)
    print(f"32 trials of {steps} steps, {cores} core(s), {repeats} repeats")
    for width in widths:
        ratios: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(repeats):
            mine, loss, way = ours(width, steps, cores)
            for name, arm in arms.items():
                seconds, other = arm(width)
                ratios[name].append(seconds / mine)
            torch.set_num_threads(1)
        told = ", ".join(f"{median(r):.2f} × ({name})" for name, r in ratios.items())
        print(
            f"width {width:4}  {mine:6.1f} s ({way}), best {loss:.3f} and {other:.3f}: {told}",
            flush=True,
        )


if __name__ == "__main__":
    main()
