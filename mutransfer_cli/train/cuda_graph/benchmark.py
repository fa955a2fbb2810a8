"""Whether the step of a population is worth being captured: asked where there are graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.cuda_graph import graph
from mutransfer_cli.train.cuda_graph.captured_population import CapturedPopulation
from mutransfer_cli.train.engine.timing import Timing, seconds_per_step
from mutransfer_cli.train.population.equivalence import tolerance_of, uses_rng
from mutransfer_cli.train.population.oom_split import is_out_of_memory
from mutransfer_cli.train.population.population import Member, Population

REPLAYED_STEPS = graph.WARMUP_STEPS + 5  # compared: the last five are replayed
CAPTURED_SIZES = 2  # that look best without graphs, and are captured
MAX_CAPTURES = 10  # times that it may be captured: whenever trials leave


@dataclass(frozen=True, slots=True)
class GraphBenchmark:
    """What was measured; why: graphs are not taken, None where one is worth it.

    timings: of all graphs; worth: of those that repay being captured.
    """

    timings: tuple[Timing, ...] = ()
    worth: tuple[Timing, ...] = ()
    why: str | None = None


def benchmark_graphs(
    members: Sequence[Member], timings: Sequence[Timing], size: Size, device: str, long: float
) -> GraphBenchmark:
    """timings: of populations without graphs, of which the best are captured."""
    reason = uncapturable_reason(members, size, device)
    if reason is not None:
        return GraphBenchmark(why=reason)
    found: list[Timing] = []
    worth: list[Timing] = []
    why = None
    for plain in sorted(timings, key=lambda t: t.seconds)[:CAPTURED_SIZES]:
        timed = time_graph(members, plain, size, device, long)
        if isinstance(timed, str):
            why = timed
            continue
        timing, cost = timed
        found.append(timing)
        saved = (plain.seconds - timing.seconds) * plain.size * size.steps
        if saved > MAX_CAPTURES * cost:
            worth.append(timing)
        else:
            why = f"a graph of {plain.size} saves {saved:.2g} s and takes {cost:.2g} s to capture"
    return GraphBenchmark(tuple(found), tuple(worth), None if worth else why)


def time_graph(
    members: Sequence[Member], plain: Timing, size: Size, device: str, long: float
) -> tuple[Timing, float] | str:
    """A few replays, and the seconds of the capture; why there are none."""
    chosen = [members[i % len(members)] for i in range(plain.size)]
    try:
        population = CapturedPopulation(chosen, size, device)
        for step in range(graph.WARMUP_STEPS + 1):
            population.step(step)
        failure = population.failure
        if failure is not None:
            return failure
        seconds = seconds_per_step(lambda i: population.step(i).cpu(), max(size.steps, 1), long)
    except Exception as error:  # torch has several for a full memory; all others go on
        if not is_out_of_memory(error):
            raise
        return f"a graph of {plain.size} does not fit into the memory"
    each = seconds / plain.size
    return Timing(plain.size, each, plain.bytes, "graph"), population.capturing


def uncapturable_reason(members: Sequence[Member], size: Size, device: str) -> str | None:
    """Why these trials are not captured; None where a graph of them trains as they do."""
    first = members[0]
    try:
        if uses_rng(first, size, device):
            return f"{first.recipe.model.build} draws random numbers in training"
        plain, replayed = (
            Population(members, size, device),
            CapturedPopulation(members, size, device),
        )
        if replayed.unfit is not None:
            return replayed.unfit
        known: dict[str, Any] | None = None
        for step in range(REPLAYED_STEPS):
            off = relative_difference(plain.step(step), replayed.step(step))
            if replayed.failure is not None:
                return replayed.failure
            if not off <= tolerance_of(first):
                return f"its losses are {off:.1g} apart after {step + 1} steps"
            before, known = known, host_values(plain.stack.model)
            if before is not None and before != known:
                changed = next(n for n in known if n not in before or known[n] != before[n])
                return f"{changed} changes in a step, and would stay as it is"
    except (InputError, RuntimeError) as error:
        return f"its step cannot be captured: {' '.join(str(error).split())[:200]}"
    return None


def host_values(model: nn.Module) -> dict[str, Any]:
    """What the modules keep on the host beside their tensors."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, int | float | str)
    }


def relative_difference(one: Tensor, other: Tensor) -> float:
    """The largest relative difference of finite losses; infinite where only one is finite."""
    a, b = one.double().cpu(), other.double().cpu()
    finite = a.isfinite()
    if not finite.equal(b.isfinite()):
        return float("inf")
    return max(((a - b).abs() / a.abs().clamp(min=1e-12))[finite].tolist(), default=0.0)
