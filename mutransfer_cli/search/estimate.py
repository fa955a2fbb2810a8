"""What a sweep would cost, and what tuning the target itself would: nothing is trained."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mutransfer_cli.documents.sweep import DryRunDocument, RungCost, TargetCost
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, recipe_target, rungs
from mutransfer_cli.search.executors import command as programs
from mutransfer_cli.search.executors.local import forks
from mutransfer_cli.search.grouping.engine import Engine, asked_for
from mutransfer_cli.search.grouping.engine_file import FILE, read
from mutransfer_cli.search.samplers.registry import trials
from mutransfer_cli.search.sweep import ready
from mutransfer_cli.train.cost import Cost, measure_cost, training_flops
from mutransfer_cli.train.threads import limit_threads

T = TypeVar("T")


def dry_run(
    loaded: LoadedRecipe,
    *,
    device: str = "auto",
    workers: int | None = None,
    run: Path | None = None,
    engine: str = "auto",
    threads: int = 1,
) -> DryRunDocument:
    """FLOPs counted on the meta device, time from a few steps on each rung.

    run: a run directory, for what its trials took where a program of the user's own trains them,
    and for the engine that it has chosen before. Nothing is written there.
    """
    recipe = loaded.recipe
    asked_for(engine)
    place, count = ready(recipe, device, workers, "local", None)
    limit_threads(1)  # as the workers will
    sizes = rungs(recipe)
    each, at_most = trials(recipe.search, sizes)
    before = Before()
    chooser = None
    together: list[float | None] = [None for _ in sizes]
    if recipe.train is None:
        first = first_use(recipe, min(sizes, key=lambda s: s.width), place)
        costs = [measure_cost(recipe, size, place) for size in sizes]
        own = chooser = Engine(recipe, place, count, engine)
        if run is not None and engine == "auto" and (run / FILE).is_file():
            chooser.choices = read(run / FILE, place)
        told = [size for size, choice in chooser.choices.items() if choice.settled]
        together, took = timed(lambda: [own.seconds(size, each) for size in sizes])
        calibrates = engine != "one-by-one" and any(size not in told for size in sizes)
        # parts of torch are loaded for the calibration, and by the workers again
        calibration = took + first if calibrates else 0.0
        before = Before(calibration, start_of_workers(place, threads) + first)
    else:
        costs = programs.costs(recipe, sizes, run)
    waits = [wall(c, each, count, t) for c, t in zip(costs, together, strict=True)]
    known = [wait for wait in waits if wait is not None]
    training = sum(known) if len(known) == len(costs) else None
    weighs = [c.bytes for c in costs if c.bytes is not None]
    total = sum(c.flops.value for c in costs) * each
    target, note = of_target(recipe, total, each * len(sizes))
    pinned = engine.startswith("population") and all(t is None for t in together)
    said = f"--engine {engine}: the time told is that of trials one by one" if pinned else None
    return DryRunDocument(
        rungs=tuple(
            RungCost(
                width=s.width,
                trials=each,
                flops=c.flops.value,
                bytes=c.bytes,
                seconds=c.seconds,
                seconds_all=wait,
                population=population(chooser, s, each, t),
            )
            for s, c, wait, t in zip(sizes, costs, waits, together, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=at_most,
        flops=total,
        target=target,
        bytes=max(weighs) * count if weighs else None,
        seconds=None if training is None else training + before.calibration + before.start,
        seconds_training=training,
        seconds_calibration=before.calibration,
        seconds_start=before.start,
        workers=count,
        device=place,
        notes=tuple(n for n in (*(c.flops.note for c in costs), note, said) if n),
    )


@dataclass(frozen=True, slots=True)
class Before:
    """Seconds before the first trial trains: the engine's measurements, the start of workers."""

    calibration: float = 0.0
    start: float = 0.0


def timed(call: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return call(), time.perf_counter() - started


def first_use(recipe: Recipe, size: Size, device: str) -> float:
    """What the first steps in a process take beyond later ones: torch loads parts of itself."""
    _, first = timed(lambda: measure_cost(recipe, size, device))
    _, second = timed(lambda: measure_cost(recipe, size, device))
    return max(0.0, first - second)


def start_of_workers(device: str, threads: int) -> float:
    """Seconds until workers can train: none where they are forked, or this process trains."""
    if device != "cpu" or forks(device, threads):
        return 0.0
    load = [sys.executable, "-c", "import mutransfer_cli.search.executors.local"]
    _, seconds = timed(lambda: subprocess.run(load, check=False, capture_output=True))
    return seconds


def population(engine: Engine | None, size: Size, trials: int, together: float | None) -> int:
    """How many trials of a rung train together in the time that is told for all of them."""
    if engine is None or together is None:
        return 1
    return max(engine.choices[size].pieces(trials, engine.workers))


def wall(cost: Cost, trials: int, workers: int, together: float | None) -> float | None:
    """Seconds until all trials of a rung have ended; together: of their steps, as populations."""
    if together is not None:
        return together + cost.looks * trials / workers
    return None if cost.seconds is None else cost.seconds * trials / workers


def of_target(recipe: Recipe, spent: float, count: int) -> tuple[TargetCost | None, str | None]:
    """As many trials of the target's size and steps; and how its FLOPs are estimated, if so."""
    if recipe.target is None:
        return None, None
    size = recipe_target(recipe)
    found = training_flops(recipe, size)
    cost = TargetCost(
        width=size.width,
        depth=size.depth,
        batch=size.batch,
        steps=size.steps,
        flops=found.value,
        share=spent / (found.value * count),
    )
    return cost, found.note
