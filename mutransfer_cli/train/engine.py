"""How trials of one size are trained fastest here: measured, not guessed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import torch

from mutransfer_cli.models.planned import proxy
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.group import out_of_memory
from mutransfer_cli.train.memory import available, bytes_of
from mutransfer_cli.train.population import Member, Population
from mutransfer_cli.train.trial import feed_of, hasten, moved, one_step
from mutransfer_cli.train.trust import distrusted

SIZES = {"cpu": (4, 8, 16, 32), "cuda": (4, 8, 16, 32, 64, 128), "mps": (4, 8, 16, 32)}
WARM, TIMED = 2, 3  # steps, steps at least
PATIENCE, SHARE = (0.05, 0.5), 0.004  # seconds of measuring a way, and of all training one by one
WORTH = 2.0  # seconds of a round's training one by one, below which measuring does not pay
WORSE = 1.25  # times the best so far: larger populations are not tried


@dataclass(frozen=True, slots=True)
class Timing:
    """Of a population of `size` trials (1: one by one)."""

    size: int
    seconds: float  # a step of one trial
    bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """How the trials of one rung are trained, and why.

    timings: what was measured, one by one first; empty where nothing had to be.
    """

    timings: tuple[Timing, ...]
    most: int  # trials in a population; 1: one by one
    why: str
    settled: bool = False  # more trials would not change it

    def seconds(self, size: int) -> float:
        """A step of one trial in a population of a size, by the nearest that was measured."""
        if size == 1 or len(self.timings) == 1:
            return self.timings[0].seconds
        known = [t for t in self.timings if 1 < t.size <= size]
        if known:
            return known[-1].seconds
        least = self.timings[1]
        return least.seconds * least.size / size  # a step hardly gets cheaper

    def pieces(self, count: int, workers: int) -> list[int]:
        """Sizes of the populations that end `count` trials soonest on so many workers."""
        if self.most == 1 or count == 0:
            return [1] * count
        if len(self.timings) < 2:
            return even(count, ceil(count / self.most))
        best: tuple[float, list[int]] = (ceil(count / workers) * self.seconds(1), [1] * count)
        for timing in self.timings[1:]:
            if timing.size > self.most:
                continue
            rounds = ceil(count / (workers * timing.size))
            parts = even(count, min(count, workers * rounds))
            wall = rounds * parts[0] * self.seconds(parts[0])
            if wall < 0.97 * best[0]:
                best = wall, parts
        return best[1]


def even(count: int, parts: int) -> list[int]:
    """A number in parts as equal as can be, larger ones first."""
    return [count // parts + (i < count % parts) for i in range(parts)]


def one_by_one(why: str) -> Choice:
    return Choice((), 1, why)


def patience(alone: float, size: Size, count: int) -> float:
    """Seconds that measuring one way may take; alone: of a step one by one."""
    return min(max(PATIENCE[0], SHARE * alone * size.steps * count), PATIENCE[1])


def seconds_a_step(step: Callable[[int], object], limit: int, long: float = PATIENCE[0]) -> float:
    """The shortest time of a step, after some to warm up: what disturbs only ever adds to it."""
    found: list[float] = []
    began = time.perf_counter()
    for i in range(limit):
        started = time.perf_counter()
        step(i)
        now = time.perf_counter()
        if i >= WARM:
            found.append(now - started)
        if len(found) >= TIMED and now - began > long:
            break
    return min(found) if found else time.perf_counter() - began


def choose(
    sample: Sequence[Member],
    count: int,
    size: Size,
    device: str,
    workers: int,
    kind: str = "auto",
    asked: int | None = None,
    alone: Timing | None = None,
) -> Choice:
    """Measure one by one, then larger and larger populations.

    sample: a few of the trials; count: how many there are for each worker. kind: `population`
    rules out one by one; asked: the population's size that is wanted; alone: what was measured one
    by one.
    """
    reason = distrusted(sample, size, device)
    if reason is not None:
        return Choice((), 1, reason, True)
    if asked is not None:
        return Choice((), asked, f"--engine population:{asked}", True)
    alone = alone or timed_alone(sample[0], size, device)
    timings = [alone]
    long = patience(alone.seconds, size, count)
    worse = 0
    sizes = SIZES[torch.device(device).type]
    limit = available(device) // workers
    for trials in sorted({k for k in sizes if k < count} | {min(max(count, 2), max(sizes))}):
        if trials * alone.bytes > limit:
            break
        found = timed_together(sample, trials, size, device, alone.bytes, long)
        if found is None:
            break
        timings.append(found)
        worse += found.seconds > WORSE * min(t.seconds for t in timings)
        if worse == 2:  # one may be an accident
            break
    allowed = timings[1:] if kind == "population" and len(timings) > 1 else timings
    best = min(allowed, key=lambda t: t.seconds)
    return Choice(tuple(timings), best.size, reason_of(timings, best), True)


def reason_of(timings: Sequence[Timing], best: Timing) -> str:
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
        f"{1e3 * best.seconds:.3g} ms a step and trial in a population of {best.size}, "
        f"{1e3 * alone.seconds:.3g} ms one by one: {alone.seconds / best.seconds:.2g} times as fast"
    )


def timed_alone(member: Member, size: Size, device: str) -> Timing:
    """A few steps of one trial."""
    place = torch.device(device)
    subject = proxy(member.recipe, size, member.seed, member.plan)
    subject.model.to(place)
    feed = feed_of(member.recipe, size, member.seed)
    hasten(subject.optimizer)
    parameters = [p for p in subject.model.parameters() if p.requires_grad]
    weight = bytes_of(subject, moved(feed.batch(0), place))
    seconds = seconds_a_step(
        lambda i: float(
            one_step(subject, parameters, moved(feed.batch(i), place), member.plan.clip)
        ),
        max(size.steps, 1),
    )
    return Timing(1, seconds, weight)


def timed_together(
    members: Sequence[Member], trials: int, size: Size, device: str, bytes_each: int, long: float
) -> Timing | None:
    """A few steps of a population; None where it does not fit."""
    chosen = [members[i % len(members)] for i in range(trials)]
    try:
        population = Population(chosen, size, device)
        seconds = seconds_a_step(lambda i: population.step(i).cpu(), max(size.steps, 1), long)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return None
    return Timing(trials, seconds / trials, bytes_each * trials)
