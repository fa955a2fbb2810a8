"""How long a step of a trial takes, by itself and in a population: a few steps, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.models.proxy import proxy
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.engine.memory import bytes_per_trial
from mutransfer_cli.train.population.oom_split import is_out_of_memory
from mutransfer_cli.train.population.population import Member, Population
from mutransfer_cli.train.trial import data_stream, enable_fused, one_step, to_device

WARMUP, TIMED = 2, 3  # steps, steps at least
PATIENCE, SHARE = (0.05, 0.5), 0.0015  # seconds of measuring a way, and of all training one by one


@dataclass(frozen=True, slots=True)
class Timing:
    """Of a population of `size` trials (1: one by one)."""

    size: int
    seconds: float  # a step of one trial
    bytes: int
    step_mode: StepMode = "plain"


def time_limit(alone: float, size: Size, count: int) -> float:
    """Seconds that measuring one way may take; alone: of a step one by one."""
    return min(max(PATIENCE[0], SHARE * alone * size.steps * count), PATIENCE[1])


def seconds_per_step(step: Callable[[int], object], limit: int, long: float = PATIENCE[0]) -> float:
    """The shortest time of a step, after some to warm up: what disturbs only ever adds to it."""
    found: list[float] = []
    began = time.perf_counter()
    for i in range(limit):
        started = time.perf_counter()
        step(i)
        now = time.perf_counter()
        if i >= WARMUP:
            found.append(now - started)
        if len(found) >= TIMED and now - began > long:
            break
    return min(found) if found else time.perf_counter() - began


def time_single(member: Member, size: Size, device: str) -> Timing:
    """A few steps of one trial."""
    place = torch.device(device)
    subject = proxy(member.recipe, size, member.seed, member.plan)
    subject.model.to(place)
    feed = data_stream(member.recipe, size, member.seed)
    enable_fused(subject.optimizer)
    parameters = [p for p in subject.model.parameters() if p.requires_grad]
    weight = bytes_per_trial(subject, to_device(feed.batch(0), place))
    seconds = seconds_per_step(
        lambda i: float(
            one_step(subject, parameters, to_device(feed.batch(i), place), member.plan.clip)
        ),
        max(size.steps, 1),
    )
    return Timing(1, seconds, weight)


def time_population(
    members: Sequence[Member], trials: int, size: Size, device: str, bytes_each: int, long: float
) -> Timing | None:
    """A few steps of a population; None where it does not fit."""
    chosen = [members[i % len(members)] for i in range(trials)]
    try:
        population = Population(chosen, size, device)
        seconds = seconds_per_step(lambda i: population.step(i).cpu(), max(size.steps, 1), long)
    except Exception as error:  # torch has several for a full memory; all others go on
        if not is_out_of_memory(error):
            raise
        return None
    return Timing(trials, seconds / trials, bytes_each * trials)
