"""What fits into a probe's time: the cost of runs by their first steps, and what is left out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, inf, log, prod
from typing import Generic, TypeVar

from mutransfer_cli.errors import Inconclusive
from mutransfer_cli.probes.subject.proxies import MakeTrainee, Proxies
from mutransfer_cli.probes.subject.trainee import Trainee
from mutransfer_cli.recipe.size import Size

TIMED = 3  # steps, after a first one that warms up
TIMING = 0.05  # of the time left that the timed steps may take
FEWEST_STEPS = 20  # of a run that is cut short
LEAST_SHARE = 0.1  # of the steps of a run that is cut short
What = TypeVar("What")


class TooLittleTime(Inconclusive):
    """Even the least that a probe can train does not fit into its minutes.

    Attributes:
        least: Minutes for that, the time of the first steps included.
        whole: Minutes for everything.
    """

    def __init__(self, least: float, whole: float) -> None:
        """Say what would do.

        Args:
            least: Seconds for the least, the time of the first steps included.
            whole: Seconds for everything.
        """
        self.least, self.whole = minutes(least), minutes(whole)
        super().__init__(
            f"nothing was measured: at the speed of the first steps, the least takes "
            f"{self.least:g} minutes, and everything {self.whole:g}"
        )


def minutes(seconds: float) -> float:
    """So many seconds in minutes, rounded up, with a tenth to spare."""
    return ceil(1.1 * seconds / 6) / 10


@dataclass(frozen=True)
class RunCost:
    """Seconds of a run of one size.

    Attributes:
        build: For the model and the optimizer.
        step: For a step.
    """

    build: float
    step: float


@dataclass(frozen=True)
class Option(Generic[What]):
    """Runs that answer a probe's question.

    Attributes:
        what: What they are, for the probe.
        runs: Size and number of steps of every run.
        dropped: What they leave out; empty: nothing.
        measuring: What measuring a run costs in this option alone, in steps of it.
    """

    what: What
    runs: Sequence[tuple[Size, int]]
    dropped: str = ""
    measuring: float = 0.0


@dataclass(frozen=True)
class Chosen(Generic[What]):
    """The runs that fit.

    Attributes:
        what: That of the option.
        train: Makes trainees, whose steps may be cut short.
        notes: What was left out.
    """

    what: What
    train: MakeTrainee
    notes: tuple[str, ...]


def timed_cost(train: MakeTrainee, size: Size, seed: int, seconds: float) -> RunCost:
    """The cost of a run by its first steps.

    Args:
        train: Makes trainees.
        size: The size.
        seed: The seed.
        seconds: Time left.
    """
    start = time.perf_counter()
    trainee = train(size, seed, {})
    begun = time.perf_counter()
    trainee.step(0)
    taken = [time.perf_counter() - begun]
    for step in range(1, min(1 + TIMED, trainee.steps)):
        if sum(taken) > TIMING * seconds:
            break
        before = time.perf_counter()
        trainee.step(step)
        taken.append(time.perf_counter() - before)
    return RunCost(begun - start, sum(taken[1:]) / len(taken[1:]) if len(taken) > 1 else taken[0])


def costs_by_size(
    train: MakeTrainee, sizes: Sequence[Size], seed: int, seconds: float
) -> dict[Size, RunCost]:
    """The cost of runs of all sizes: a power of the size between the smallest and the largest.

    Args:
        train: Makes trainees.
        sizes: The sizes.
        seed: The seed.
        seconds: Time left.
    """
    order = sorted(sizes, key=_extent)
    ends = order[0], order[-1]
    train(order[0], seed, {}).step(0)  # what is loaded and compiled at first use
    small, large = (timed_cost(train, size, seed, seconds) for size in ends)
    span = log(_extent(ends[1]) / _extent(ends[0]))
    costs = {}
    for size in order:
        share = log(_extent(size) / _extent(ends[0])) / span if span > 0 else 0.0
        costs[size] = RunCost(
            *(
                exp((1 - share) * log(max(a, 1e-9)) + share * log(max(b, 1e-9)))
                for a, b in ((small.build, large.build), (small.step, large.step))
            )
        )
    return costs


def fitting(
    proxies: Proxies,
    seed: int,
    seconds: float,
    options: Sequence[Option[What]],
    *,
    measuring: float = 0.0,
    fewest_steps: float = FEWEST_STEPS,
    other: float = 0.0,
) -> Chosen[What]:
    """The first of some options that fits; the last one with its runs cut short if none does.

    Args:
        proxies: What is trained.
        seed: The first seed.
        seconds: Time left; infinite: everything fits.
        options: From everything to the least.
        measuring: What measuring a run costs, in steps of it.
        fewest_steps: To which a run may be cut short, at a tenth of it or more; infinite: it may
            not.
        other: Seconds for anything else.

    Raises:
        TooLittleTime: Nothing fits.
    """
    if seconds == inf:
        return Chosen(options[0].what, proxies.train, ())
    start = time.perf_counter()
    sizes = {replace(size, steps=proxies.base.steps) for o in options for size, _ in o.runs}
    costs = costs_by_size(proxies.train, sorted(sizes), seed, seconds)
    spent = time.perf_counter() - start
    left = seconds - spent

    def cost(option: Option[What], share: float = 1.0) -> float:
        total = other
        for size, steps in option.runs:
            of_size = costs[replace(size, steps=proxies.base.steps)]
            total += of_size.build + of_size.step * (share * steps + measuring + option.measuring)
        return total

    whole = f"(--minutes {minutes(spent + cost(options[0])):g})"  # of all
    for option in options:
        if cost(option) <= left:
            notes = (f"{option.dropped} {whole}",) if option.dropped else ()
            return Chosen(option.what, proxies.train, notes)
    last = options[-1]
    steps = min(steps for _, steps in last.runs)
    least = min(1.0, max(fewest_steps / steps, LEAST_SHARE))
    if cost(last, least) > left:
        raise TooLittleTime(spent + cost(last, least), spent + cost(options[0]))
    share = (left - cost(last, 0.0)) / (cost(last) - cost(last, 0.0))
    dropped = f"{last.dropped}; " if last.dropped else ""
    note = (
        f"{dropped}only the first {share:.0%} of the steps of every run: no time for more {whole}"
    )
    shortened = {size: max(2, round(share * steps)) for size, steps in last.runs}
    return Chosen(last.what, _cut_short(proxies.train, shortened), (note,))


def seeds_and_sizes(
    sizes: Sequence[Size], steps: int, seeds: int, fewest_seeds: int, fewest_sizes: int
) -> list[Option[tuple[tuple[Size, ...], int]]]:
    """All sizes with all seeds, then with fewer seeds, then without the largest sizes.

    Args:
        sizes: The sizes, small to large.
        steps: Number of steps of every run.
        seeds: Number of seeds.
        fewest_seeds: Number of seeds that will do.
        fewest_sizes: Number of sizes that will do.
    """
    counts = [(seeds - k, len(sizes)) for k in range(seeds - fewest_seeds + 1)]
    counts += [(fewest_seeds, n) for n in range(len(sizes) - 1, fewest_sizes - 1, -1)]
    options = []
    for n, m in counts:
        dropped = [f"{seeds - n} of {seeds} seeds"] if n < seeds else []
        few = len(sizes) - m
        if few:
            dropped.append(f"the largest {f'{few} ' if few > 1 else ''}of {len(sizes)} sizes")
        options.append(
            Option(
                (tuple(sizes[:m]), n),
                [(size, steps) for size in sizes[:m]] * n,
                f"no time for {' and '.join(dropped)}" if dropped else "",
            )
        )
    return options


def _extent(size: Size) -> int:
    """The product of all sizes of a model and its batch."""
    return prod(value for name, value in size.as_dict().items() if name != "steps")


def _cut_short(train: MakeTrainee, steps: Mapping[Size, int]) -> MakeTrainee:
    def shorter(size: Size, seed: int, hyperparameters: Mapping[str, float]) -> Trainee:
        trainee = train(size, seed, hyperparameters)
        return replace(trainee, steps=min(steps[size], trainee.steps))

    return shorter
