"""Measures which engine trains trials of one size fastest on this machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.cuda_graph import graph
from mutransfer_cli.train.engine.graph_benchmark import GraphBenchmark, benchmark_graphs
from mutransfer_cli.train.engine.timing import Timing, time_limit, time_population, time_single
from mutransfer_cli.train.machine.memory import available_bytes
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.trial import Trial

log = logging.getLogger(__name__)

POPULATION_SIZES = {"cpu": (4, 8, 16, 32), "cuda": (4, 8, 16, 32, 64, 128), "mps": (4, 8, 16, 32)}
WORTH_SECONDS = 2.0  # of a worker's training one by one; below this, measuring does not pay
SLOWER_FACTOR = 1.25  # a population counts as slower above this multiple of the best time
GAIN_FACTOR = 0.97  # a grouping replaces the best so far only if it takes less than this share


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """How the trials of one rung are trained, and why.

    Attributes:
        timings: The measurements, one by one first; empty if nothing had to be measured.
        most: Trials in a population, at most; 1: one by one.
        why: The reason, as shown to the user.
        settled: Whether the choice holds for any number of trials.
        step_mode: How populations step.
    """

    timings: tuple[Timing, ...]
    most: int
    why: str
    settled: bool = False
    step_mode: StepMode = "plain"

    @property
    def measured(self) -> list[Timing]:
        """The populations that were measured in this step mode."""
        return [t for t in self.timings if t.size > 1 and t.step_mode == self.step_mode]

    def seconds(self, size: int) -> float:
        """Seconds of a step, per trial, in a population of a size; from the nearest measured."""
        if size == 1 or len(self.timings) == 1:
            return self.timings[0].seconds
        smaller = [t for t in self.measured if t.size <= size]
        if smaller:
            return max(smaller, key=lambda t: t.size).seconds
        smallest = min(self.measured, key=lambda t: t.size)
        return smallest.seconds * smallest.size / size  # a step hardly gets cheaper

    def pieces(self, count: int, workers: int) -> list[int]:
        """Sizes of the populations that finish `count` trials soonest on these workers."""
        if self.most == 1 or count == 0:
            return [1] * count
        if len(self.timings) < 2:
            return split_evenly(count, ceil(count / self.most))
        best: tuple[float, list[int]] = (ceil(count / workers) * self.seconds(1), [1] * count)
        for timing in self.measured:
            if timing.size > self.most:
                continue
            rounds = ceil(count / (workers * timing.size))
            parts = split_evenly(count, min(count, workers * rounds))
            seconds = rounds * parts[0] * self.seconds(parts[0])
            if seconds < GAIN_FACTOR * best[0]:
                best = seconds, parts
        return best[1]


def split_evenly(count: int, parts: int) -> list[int]:
    """Split a number into parts as equal as possible, larger ones first."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def one_by_one(why: str) -> EngineChoice:
    """The choice where no population is used."""
    return EngineChoice((), 1, why)


def choose_engine(
    sample: Sequence[Trial],
    count: int,
    device: str,
    workers: int,
    kind: str = "auto",
    population_size: int | None = None,
    single: Timing | None = None,
) -> EngineChoice:
    """Measure training one by one, then larger and larger populations.

    Args:
        sample: A few of the trials, of one size.
        count: How many trials there are for each worker.
        device: Torch's name of the device.
        workers: How many workers share the memory.
        kind: `auto`, or `population`, which rules out training one by one.
        population_size: The size that the user fixed; None: it is measured.
        single: The timing of a single trial; None: it is measured.
    """
    reason = unsafe_reason(sample, device)
    if reason is not None:
        return EngineChoice((), 1, reason, True)
    if population_size is not None:
        return fixed_size(population_size, sample, count, device)
    single = single or time_single(sample[0], device)
    limit = time_limit(single.seconds, sample[0].size.steps, count)
    timings = [single, *time_populations(sample, count, device, workers, single, limit)]
    allowed = timings[1:] if kind == "population" and len(timings) > 1 else timings
    graphs = GraphBenchmark()
    if graph.supports_graphs(torch.device(device)) and len(timings) > 1:
        graphs = benchmark_graphs(sample, timings[1:], device, limit)
    best = min([*allowed, *graphs.worthwhile], key=lambda t: t.seconds)
    why = explain(timings, best) + (f"; no CUDA graph: {graphs.why}" if graphs.why else "")
    log.info("width %d on %s: %s", sample[0].size.width, device, why)
    return EngineChoice((*timings, *graphs.timings), best.size, why, True, best.step_mode)


def time_populations(
    sample: Sequence[Trial],
    count: int,
    device: str,
    workers: int,
    single: Timing,
    limit: float,
) -> list[Timing]:
    """Time larger and larger populations, until they do not fit or get slower.

    Args:
        sample: A few of the trials, of one size.
        count: How many trials there are for each worker.
        device: Torch's name of the device.
        workers: How many workers share the memory.
        single: The timing of a single trial.
        limit: Seconds that stepping one population may take.
    """
    timings: list[Timing] = []
    slower = 0
    sizes = POPULATION_SIZES[torch.device(device).type]
    memory = available_bytes(device) // workers
    for size in sorted({k for k in sizes if k < count} | {min(max(count, 2), max(sizes))}):
        if size * single.bytes > memory:
            break
        timing = time_population(sample, size, device, single.bytes, limit)
        if timing is None:
            break
        log.debug("population of %d: %.3g s a step and trial", size, timing.seconds)
        timings.append(timing)
        slower += timing.seconds > SLOWER_FACTOR * min(t.seconds for t in (single, *timings))
        if slower == 2:  # a single one may be due to noise
            break
    return timings


def fixed_size(
    population_size: int, sample: Sequence[Trial], count: int, device: str
) -> EngineChoice:
    """Choose populations of the user's size, captured as CUDA graphs if that is faster.

    Args:
        population_size: Trials in a population.
        sample: A few of the trials, of one size.
        count: How many trials there are for each worker.
        device: Torch's name of the device.
    """
    why = f"--engine population:{population_size}"
    if not graph.supports_graphs(torch.device(device)):
        return EngineChoice((), population_size, why, True)
    single = time_single(sample[0], device)
    limit = time_limit(single.seconds, sample[0].size.steps, count)
    size = min(population_size, max(count, 2))
    plain = time_population(sample, size, device, single.bytes, limit)
    graphs = GraphBenchmark()
    if plain is not None:
        graphs = benchmark_graphs(sample, [plain], device, limit)
    if graphs.worthwhile:
        return EngineChoice((), population_size, f"{why}, as a CUDA graph", True, "graph")
    reason = f"{why}; no CUDA graph: {graphs.why}" if graphs.why else why
    return EngineChoice((), population_size, reason, True)


def explain(timings: Sequence[Timing], best: Timing) -> str:
    """Why an engine is the best, with its figures."""
    single = timings[0]
    if len(timings) == 1:
        return "a population of four would not fit into the memory"
    if best.size == 1:
        other = min(timings[1:], key=lambda t: t.seconds)
        return (
            f"one by one takes {1e3 * single.seconds:.3g} ms a step, the best population "
            f"(of {other.size}) {1e3 * other.seconds:.3g} ms a trial"
        )
    return (
        f"{1e3 * best.seconds:.3g} ms a step and trial in a population of {best.size}"
        f"{' as a CUDA graph' if best.step_mode == 'graph' else ''}, "
        f"{1e3 * single.seconds:.3g} ms one by one: "
        f"{single.seconds / best.seconds:.2g} times as fast"
    )
