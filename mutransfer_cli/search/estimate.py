"""What a sweep would cost, and what tuning the target itself would: nothing is trained."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mutransfer_cli.catalog.executors import DEFAULT_EXECUTOR
from mutransfer_cli.documents.sweep import DryRunDocument, RungCost, TargetCost
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.load import LoadedRecipe
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size, recipe_target
from mutransfer_cli.search.executors.local import forks
from mutransfer_cli.search.executors.protocol import ExecutorSetup, make_executor
from mutransfer_cli.search.grouping.engine import Engine, parse_engine
from mutransfer_cli.search.grouping.engine_file import FILE, read_choices
from mutransfer_cli.search.problem import search_problem
from mutransfer_cli.search.samplers.protocol import make_sampler
from mutransfer_cli.search.sweep import expected_trials
from mutransfer_cli.train.cost import Cost, measure_cost, training_flops
from mutransfer_cli.train.machine.threads import limit_threads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RungTimes:
    """What the rungs of a sweep take.

    Attributes:
        costs: Of one trial of each rung.
        grouped: Seconds of the steps of all trials of each rung, in the groups that the engine
            chose; None where each trains by itself.
        populations: Trials in the largest group of each rung.
        calibration: Seconds of the engine's measurements.
        start: Seconds until the workers train.
    """

    costs: Sequence[Cost]
    grouped: Sequence[float | None]
    populations: Sequence[int]
    calibration: float = 0.0
    start: float = 0.0


def dry_run(
    loaded: LoadedRecipe,
    *,
    device: str = "auto",
    workers: int | None = None,
    run: Path | None = None,
    engine: str = "auto",
    threads: int = 1,
) -> DryRunDocument:
    """Estimate a sweep: FLOPs counted on the meta device, time from a few steps on each rung.

    Args:
        loaded: The recipe.
        device: auto, cpu, cuda …
        workers: Trials or groups at a time; None: as many as there is room for.
        run: A run directory, for the times of earlier trials of a user's program and for the
            engine that was chosen before; nothing is written there.
        engine: auto, one-by-one or population:K.
        threads: Of each worker.

    Raises:
        InputError: The recipe, its data or an option is unusable.
    """
    recipe, proxies = loaded.recipe, ProxyFactory(loaded.recipe)
    parse_engine(engine)
    problem = search_problem(recipe, 0)
    sampler = make_sampler(problem)
    sizes, (each, at_most) = problem.rungs, sampler.count_trials()
    setup = ExecutorSetup(
        proxies=proxies,
        run=run,
        device=device,
        workers=workers,
        threads=threads,
        engine=engine,
        expected=expected_trials(problem, sampler),
    )
    executor = make_executor(DEFAULT_EXECUTOR, setup)
    known_costs = executor.known_costs(sizes)
    if known_costs is not None:
        times = RungTimes(known_costs, [None] * len(sizes), [1] * len(sizes))
    else:
        times = measure_rungs(setup, executor.device, executor.workers, sizes, each)
    costs, count = times.costs, executor.workers
    waits = [
        wall_seconds(c, each, count, seconds)
        for c, seconds in zip(costs, times.grouped, strict=True)
    ]
    known = [wait for wait in waits if wait is not None]
    training = sum(known) if len(known) == len(costs) else None
    bytes_each = [c.bytes for c in costs if c.bytes is not None]
    total = sum(c.flops.value for c in costs) * each
    target, note = target_cost(recipe, total, each * len(sizes))
    notes = [*(c.flops.note for c in costs), note]
    if engine.startswith("population") and all(seconds is None for seconds in times.grouped):
        notes.append(f"--engine {engine}: the estimate assumes trials run one at a time")
    return DryRunDocument(
        rungs=tuple(
            RungCost(
                width=s.width,
                trials=each,
                flops=c.flops.value,
                bytes=c.bytes,
                seconds=c.seconds,
                seconds_all=wait,
                population=population,
            )
            for s, c, wait, population in zip(sizes, costs, waits, times.populations, strict=True)
        ),
        trials=each * len(sizes),
        trials_at_most=at_most,
        flops=total,
        target=target,
        bytes=max(bytes_each) * count if bytes_each else None,
        seconds=None if training is None else training + times.calibration + times.start,
        seconds_training=training,
        seconds_calibration=times.calibration,
        seconds_start=times.start,
        workers=count,
        device=executor.device,
        notes=tuple(n for n in notes if n),
    )


def measure_rungs(
    setup: ExecutorSetup, device: str, workers: int, sizes: Sequence[Size], each: int
) -> RungTimes:
    """Time a few steps on each rung, by itself and in populations.

    Args:
        setup: The trials' models, and the options.
        device: Where they train.
        workers: Trials or groups at a time.
        sizes: The rungs.
        each: Trials of a rung.
    """
    proxies = setup.proxies
    limit_threads(1)  # as the workers will
    first = first_use_seconds(proxies, min(sizes, key=lambda s: s.width), device)
    costs = [measure_cost(proxies, size, device) for size in sizes]
    engine = Engine(setup.proxies, device, workers, setup.engine, None, setup.expected)
    if setup.run is not None and setup.engine == "auto" and (setup.run / FILE).is_file():
        engine.choices = read_choices(setup.run / FILE, device)
    settled = [size for size, choice in engine.choices.items() if choice.settled]
    grouped, seconds = timed(lambda: [engine.seconds(size, each) for size in sizes])
    populations = [
        1 if total is None else max(engine.choices[size].pieces(each, workers))
        for size, total in zip(sizes, grouped, strict=True)
    ]
    calibrates = engine.kind != "one-by-one" and any(size not in settled for size in sizes)
    # parts of torch are loaded for the calibration, and by the workers again
    calibration = seconds + first if calibrates else 0.0
    start = worker_start_seconds(device, setup.threads) + first
    return RungTimes(costs, grouped, populations, calibration, start)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """What a call returns, and the seconds that it took."""
    started = time.perf_counter()
    return call(), time.perf_counter() - started


def first_use_seconds(proxies: ProxyFactory, size: Size, device: str) -> float:
    """What the first steps in a process take beyond later ones: torch loads parts of itself."""
    _, first = timed(lambda: measure_cost(proxies, size, device))
    _, second = timed(lambda: measure_cost(proxies, size, device))
    return max(0.0, first - second)


def worker_start_seconds(device: str, threads: int) -> float:
    """Seconds until workers can train: none where they are forked, or this process trains."""
    if device != "cpu" or forks(device, threads):
        return 0.0
    load = [sys.executable, "-c", "import mutransfer_cli.search.executors.local"]
    _, seconds = timed(lambda: subprocess.run(load, check=False, capture_output=True))
    return seconds


def wall_seconds(cost: Cost, trials: int, workers: int, grouped: float | None) -> float | None:
    """Seconds until all trials of a rung have ended; None: unknown.

    Args:
        cost: Of one trial.
        trials: Of the rung.
        workers: Trials or groups at a time.
        grouped: Seconds of the steps of all trials in groups; None: each trains by itself.
    """
    if grouped is not None:
        return grouped + cost.looks * trials / workers
    return None if cost.seconds is None else cost.seconds * trials / workers


def target_cost(recipe: Recipe, spent: float, count: int) -> tuple[TargetCost | None, str | None]:
    """What as many trials of the target's size and steps would cost.

    Args:
        recipe: The recipe; without a target there is no cost.
        spent: FLOPs of the sweep.
        count: Its trials.

    Returns:
        The cost, and how its FLOPs are estimated where they are.
    """
    if recipe.target is None:
        return None, None
    size = recipe_target(recipe)
    flops = training_flops(ProxyFactory(recipe), size)
    cost = TargetCost(
        width=size.width,
        depth=size.depth,
        batch=size.batch,
        steps=size.steps,
        flops=flops.value,
        share=spent / (flops.value * count),
    )
    return cost, flops.note
