"""Measures the training times of a sweep's rungs with a few steps on each."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.search.executors.local import forks
from mutransfer_cli.search.executors.protocol import ExecutorSetup
from mutransfer_cli.search.grouping.engine import Engine
from mutransfer_cli.search.grouping.engine_file import FILE, read_choices
from mutransfer_cli.train.cost import Cost, measure_cost
from mutransfer_cli.train.machine.threads import limit_threads

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RungTimes:
    """How long the rungs of a sweep take.

    Attributes:
        costs: Cost of one trial of each rung.
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


def measure_rungs(
    setup: ExecutorSetup, device: str, workers: int, sizes: Sequence[Size], each: int
) -> RungTimes:
    """Time a few steps on each rung, for single trials and for populations.

    Args:
        setup: The models of the trials, and the options of the sweep.
        device: Where they train.
        workers: Trials or groups at a time.
        sizes: The rungs.
        each: Trials per rung.
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
    """The result of a call, and the seconds that it took."""
    started = time.perf_counter()
    return call(), time.perf_counter() - started


def first_use_seconds(proxies: ProxyFactory, size: Size, device: str) -> float:
    """Extra seconds of the first steps in a process, in which torch loads parts of itself."""
    _, first = timed(lambda: measure_cost(proxies, size, device))
    _, second = timed(lambda: measure_cost(proxies, size, device))
    return max(0.0, first - second)


def worker_start_seconds(device: str, threads: int) -> float:
    """Seconds until workers can train: zero if they are forked, or if this process trains."""
    if device != "cpu" or forks(device, threads):
        return 0.0
    load = [sys.executable, "-c", "import mutransfer_cli.search.executors.local"]
    _, seconds = timed(lambda: subprocess.run(load, check=False, capture_output=True))
    return seconds
