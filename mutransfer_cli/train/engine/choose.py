"""How trials of one size are trained fastest here: measured, not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.cuda_graph import graph
from mutransfer_cli.train.cuda_graph.benchmark import GraphBenchmark, benchmark_graphs
from mutransfer_cli.train.engine.memory import available_bytes
from mutransfer_cli.train.engine.timing import Timing, time_limit, time_population, time_single
from mutransfer_cli.train.population.equivalence import unsafe_reason
from mutransfer_cli.train.population.population import Member

POPULATION_SIZES = {"cpu": (4, 8, 16, 32), "cuda": (4, 8, 16, 32, 64, 128), "mps": (4, 8, 16, 32)}
WORTH_SECONDS = 2.0  # seconds of a round's training one by one, below which measuring does not pay
SLOWER_FACTOR = 1.25  # times the best so far: larger populations are not tried


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """How the trials of one rung are trained, and why.

    timings: what was measured, one by one first; empty where nothing had to be.
    """

    timings: tuple[Timing, ...]
    most: int  # trials in a population; 1: one by one
    why: str
    settled: bool = False  # more trials would not change it
    step_mode: StepMode = "plain"  # of populations

    @property
    def measured(self) -> list[Timing]:
        """Populations that were measured in this way."""
        return [t for t in self.timings if t.size > 1 and t.step_mode == self.step_mode]

    def seconds(self, size: int) -> float:
        """A step of one trial in a population of a size, by the nearest that was measured."""
        if size == 1 or len(self.timings) == 1:
            return self.timings[0].seconds
        known = [t for t in self.measured if t.size <= size]
        if known:
            return max(known, key=lambda t: t.size).seconds
        least = min(self.measured, key=lambda t: t.size)
        return least.seconds * least.size / size  # a step hardly gets cheaper

    def pieces(self, count: int, workers: int) -> list[int]:
        """Sizes of the populations that end `count` trials soonest on so many workers."""
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
            wall = rounds * parts[0] * self.seconds(parts[0])
            if wall < 0.97 * best[0]:
                best = wall, parts
        return best[1]


def split_evenly(count: int, parts: int) -> list[int]:
    """A number in parts as equal as can be, larger ones first."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def one_by_one(why: str) -> EngineChoice:
    return EngineChoice((), 1, why)


def choose_engine(
    sample: Sequence[Member],
    count: int,
    size: Size,
    device: str,
    workers: int,
    kind: str = "auto",
    asked: int | None = None,
    alone: Timing | None = None,
) -> EngineChoice:
    """Measure one by one, then larger and larger populations.

    sample: a few of the trials; count: how many there are for each worker. kind: `population`
    rules out one by one; asked: the population's size that is wanted; alone: what was measured one
    by one.
    """
    reason = unsafe_reason(sample, size, device)
    if reason is not None:
        return EngineChoice((), 1, reason, True)
    if asked is not None:
        return fixed_size(asked, sample, count, size, device)
    alone = alone or time_single(sample[0], size, device)
    timings = [alone]
    long = time_limit(alone.seconds, size, count)
    worse = 0
    sizes = POPULATION_SIZES[torch.device(device).type]
    limit = available_bytes(device) // workers
    for trials in sorted({k for k in sizes if k < count} | {min(max(count, 2), max(sizes))}):
        if trials * alone.bytes > limit:
            break
        found = time_population(sample, trials, size, device, alone.bytes, long)
        if found is None:
            break
        timings.append(found)
        worse += found.seconds > SLOWER_FACTOR * min(t.seconds for t in timings)
        if worse == 2:  # one may be an accident
            break
    allowed = timings[1:] if kind == "population" and len(timings) > 1 else timings
    captured = GraphBenchmark()
    if graph.supports_graphs(torch.device(device)) and len(timings) > 1:
        captured = benchmark_graphs(sample, timings[1:], size, device, long)
    best = min([*allowed, *captured.worth], key=lambda t: t.seconds)
    why = explain(timings, best) + (f"; no CUDA graph: {captured.why}" if captured.why else "")
    return EngineChoice((*timings, *captured.timings), best.size, why, True, best.step_mode)


def fixed_size(
    asked: int, sample: Sequence[Member], count: int, size: Size, device: str
) -> EngineChoice:
    """Populations of the size that was asked for; captured where that is worth it."""
    why = f"--engine population:{asked}"
    if not graph.supports_graphs(torch.device(device)):
        return EngineChoice((), asked, why, True)
    alone = time_single(sample[0], size, device)
    long = time_limit(alone.seconds, size, count)
    plain = time_population(sample, min(asked, max(count, 2)), size, device, alone.bytes, long)
    found = (
        GraphBenchmark() if plain is None else benchmark_graphs(sample, [plain], size, device, long)
    )
    if found.worth:
        return EngineChoice((), asked, f"{why}, as a CUDA graph", True, "graph")
    return EngineChoice((), asked, f"{why}; no CUDA graph: {found.why}" if found.why else why, True)


def explain(timings: Sequence[Timing], best: Timing) -> str:
    alone = timings[0]
    if len(timings) == 1:
        return "a population of four would not fit into the memory"
    if best.size == 1:
        other = min(timings[1:], key=lambda t: t.seconds)
        return (
            f"one by one takes {1e3 * alone.seconds:.3g} ms a step, the best population "
            f"(of {other.size}) {1e3 * other.seconds:.3g} ms a trial"
        )
    return (
        f"{1e3 * best.seconds:.3g} ms a step and trial in a population of {best.size}"
        f"{' as a CUDA graph' if best.step_mode == 'graph' else ''}, "
        f"{1e3 * alone.seconds:.3g} ms one by one: {alone.seconds / best.seconds:.2g} times as fast"
    )
