"""What a sweep adds to bare training: `python -m tests.benchmarks.overhead [seconds [repeats]]`.

Eight trials of an MLP of about so many seconds each, one by one on one worker with storage,
progress and checkpoints, against a loop that does nothing but train them. Interleaved; medians.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe, loads
from mutransfer_cli.search.sweep import sweep
from mutransfer_cli.train.single_trial import train_trial
from mutransfer_cli.train.trial import Trial
from tests.benchmarks.given_words import given_words

TRIALS = 8


def recipe(steps: int) -> LoadedRecipe:
    return loads(
        "name: o\nmodel: {build: mlp}\ndata: {source: teacher, d_in: 64, d_out: 10}\n"
        f"base: {{width: 128, depth: 2, batch: 64, steps: {steps}}}\nladder: {{width: [128]}}\n"
        "search: {seeds: 1, extend: 0, space: {lr: {log2: [-11, -4]}}}\n"
    )


def bare(loaded: LoadedRecipe) -> float:
    started = time.perf_counter()
    factory = ProxyFactory(loaded.recipe)
    for i in range(TRIALS):
        train_trial(Trial.of(factory, factory.base, 0, {"lr": 2.0 ** (i - 11)}))
    return time.perf_counter() - started


def swept(loaded: LoadedRecipe) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        document = sweep(loaded, Path(folder) / "run", workers=1, engine="one-by-one")
        seconds = time.perf_counter() - started
    assert document.trials.finished + document.trials.diverged == TRIALS
    return seconds


def main() -> None:
    given = given_words(__doc__)
    each = float(given[0]) if given else 5.0
    repeats = int(given[1]) if len(given) > 1 else 3
    torch.set_num_threads(1)
    trial = bare(recipe(200)) / TRIALS / 200
    loaded = recipe(round(each / trial))
    ratios, added = [], []
    for _ in range(repeats):
        alone, whole = bare(loaded), swept(loaded)
        ratios.append(whole / alone)
        added.append(1000 * (whole - alone) / TRIALS)
    print(
        f"{TRIALS} trials of {alone / TRIALS:.1f} s: a sweep takes {median(ratios):.3f} times the "
        f"time of bare training, {median(added):.0f} ms a trial more"
    )


if __name__ == "__main__":
    main()
