"""Measures whether capturing the step of a population as a CUDA graph saves time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.train.cuda_graph import graph
from mutransfer_cli.train.engine.timing import Timing, seconds_per_step
from mutransfer_cli.train.population.captured_population import CapturedPopulation
from mutransfer_cli.train.population.equivalence import uses_rng
from mutransfer_cli.train.population.oom_split import is_out_of_memory
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.trial import Trial

log = logging.getLogger(__name__)

COMPARED_STEPS = graph.WARMUP_STEPS + 5  # the last five are replayed
CAPTURED_SIZES = 2  # so many populations, the fastest without graphs, are captured
MAX_CAPTURES = 10  # a graph has to repay so many captures: one whenever trials leave


@dataclass(frozen=True, slots=True)
class GraphBenchmark:
    """Measurements of populations as CUDA graphs.

    Attributes:
        timings: Timings of all graphs.
        worthwhile: Timings of those that save more time than capturing takes.
        why: Why graphs are not used; None where one is worthwhile.
    """

    timings: tuple[Timing, ...] = ()
    worthwhile: tuple[Timing, ...] = ()
    why: str | None = None


def benchmark_graphs(
    trials: Sequence[Trial], timings: Sequence[Timing], device: str, limit: float
) -> GraphBenchmark:
    """Capture and time the populations that are fastest without graphs.

    Args:
        trials: A few of those that would train together.
        timings: Timings of populations without graphs.
        device: Torch's name of the device.
        limit: Seconds that stepping one population may take.
    """
    reason = uncapturable_reason(trials, device)
    if reason is not None:
        log.info("no CUDA graph: %s", reason)
        return GraphBenchmark(why=reason)
    measured: list[Timing] = []
    worthwhile: list[Timing] = []
    why = None
    for plain in sorted(timings, key=lambda t: t.seconds)[:CAPTURED_SIZES]:
        timed = time_graph(trials, plain, device, limit)
        if isinstance(timed, str):
            why = timed
            continue
        timing, cost = timed
        measured.append(timing)
        saved = (plain.seconds - timing.seconds) * plain.size * trials[0].size.steps
        if saved > MAX_CAPTURES * cost:
            worthwhile.append(timing)
        else:
            why = f"a graph of {plain.size} saves {saved:.2g} s and takes {cost:.2g} s to capture"
    return GraphBenchmark(tuple(measured), tuple(worthwhile), None if worthwhile else why)


def time_graph(
    trials: Sequence[Trial], plain: Timing, device: str, limit: float
) -> tuple[Timing, float] | str:
    """Time a few replays.

    Args:
        trials: A few of those that would train together.
        plain: The timing of the same population without a graph.
        device: Torch's name of the device.
        limit: Seconds that stepping may take.

    Returns:
        The timing and the seconds of the capture; or a text that says why there are none.
    """
    group = [trials[i % len(trials)] for i in range(plain.size)]
    try:
        population = CapturedPopulation(group, device)
        for step in range(graph.WARMUP_STEPS + 1):
            population.step(step)
        failure = population.failure
        if failure is not None:
            return failure
        steps = max(trials[0].size.steps, 1)
        seconds = seconds_per_step(lambda i: population.step(i).cpu(), steps, limit)
    except Exception as error:  # torch raises several types when memory runs out
        if not is_out_of_memory(error):
            raise
        return f"a graph of {plain.size} does not fit into the memory"
    each = seconds / plain.size
    return Timing(plain.size, each, plain.bytes, "graph"), population.capture_seconds


def uncapturable_reason(trials: Sequence[Trial], device: str) -> str | None:
    """Why these trials cannot be captured; None if their graph trains as they do."""
    try:
        if uses_rng(trials[0], device):
            return f"{trials[0].factory.model_name} draws random numbers in training"
        plain, captured = Population(trials, device), CapturedPopulation(trials, device)
        if captured.varying_reason is not None:
            return captured.varying_reason
        previous: dict[str, Any] | None = None
        for step in range(COMPARED_STEPS):
            difference = relative_difference(plain.step(step), captured.step(step))
            if captured.failure is not None:
                return captured.failure
            if not difference <= plain.tolerance:
                return f"its losses are {difference:.1g} apart after {step + 1} steps"
            values = host_values(plain.stack.model)
            if previous is not None and values != previous:
                both = values | previous
                changed = next(n for n in both if values.get(n) != previous.get(n))
                return f"{changed} changes in a step, but would not change in a replay"
            previous = values
    except (InputError, RuntimeError) as error:
        return f"its step cannot be captured: {' '.join(str(error).split())[:200]}"
    return None


def host_values(model: nn.Module) -> dict[str, Any]:
    """Numbers and strings that the modules hold on the host beside their tensors."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, int | float | str)
    }


def relative_difference(one: Tensor, other: Tensor) -> float:
    """The largest relative difference of finite losses; infinite if only one of two is finite."""
    a, b = one.double().cpu(), other.double().cpu()
    finite = a.isfinite()
    if not finite.equal(b.isfinite()):
        return float("inf")
    return max(((a - b).abs() / a.abs().clamp(min=1e-12))[finite].tolist(), default=0.0)
