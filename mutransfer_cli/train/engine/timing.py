"""How long a step of a trial takes, by itself and in a population: a few steps, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.machine.memory import bytes_per_trial
from mutransfer_cli.train.population.oom_split import is_out_of_memory
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial

WARMUP, TIMED = 2, 3  # steps, steps at least
PATIENCE = (0.05, 0.5)  # seconds of timing an engine: least, most
SHARE = 0.0015  # of all training one by one


@dataclass(frozen=True, slots=True)
class Timing:
    """What a step was measured to take.

    Attributes:
        size: Trials in the population; 1: a trial by itself.
        seconds: Of a step, for each trial.
        bytes: Of all trials.
        step_mode: How the population steps.
    """

    size: int
    seconds: float
    bytes: int
    step_mode: StepMode = "plain"


def time_limit(seconds: float, steps: int, count: int) -> float:
    """Seconds that timing one engine may take.

    Args:
        seconds: Of a step of one trial by itself.
        steps: Of a trial.
        count: Number of trials.
    """
    return min(max(PATIENCE[0], SHARE * seconds * steps * count), PATIENCE[1])


def seconds_per_step(
    step: Callable[[int], object], steps: int, limit: float = PATIENCE[0]
) -> float:
    """The shortest time of a step, after a warm-up: disturbances only ever add to it.

    Args:
        step: Trains the step of a number.
        steps: How many there are.
        limit: Seconds after which no further step is timed.
    """
    times: list[float] = []
    began = time.perf_counter()
    for i in range(steps):
        started = time.perf_counter()
        step(i)
        now = time.perf_counter()
        if i >= WARMUP:
            times.append(now - started)
        if len(times) >= TIMED and now - began > limit:
            break
    return min(times) if times else time.perf_counter() - began


def time_single(trial: Trial, device: str) -> Timing:
    """Time a few steps of one trial by itself."""
    model = SingleModel(trial, device)
    weight = bytes_per_trial(model.subject, model.batch(0))
    seconds = seconds_per_step(lambda i: float(model.step(i)), max(trial.size.steps, 1))
    return Timing(1, seconds, weight)


def time_population(
    trials: Sequence[Trial], count: int, device: str, bytes_each: int, limit: float
) -> Timing | None:
    """Time a few steps of a population.

    Args:
        trials: A few of those that would train together; they are repeated.
        count: Trials in the population.
        device: Where, as torch names it.
        bytes_each: What a trial takes.
        limit: Seconds that stepping may take.

    Returns:
        None where the population does not fit into the memory.
    """
    group = [trials[i % len(trials)] for i in range(count)]
    try:
        population = Population(group, device)
        steps = max(trials[0].size.steps, 1)
        seconds = seconds_per_step(lambda i: population.step(i).cpu(), steps, limit)
    except Exception as error:  # torch has several for a full memory; all others go on
        if not is_out_of_memory(error):
            raise
        return None
    return Timing(count, seconds / count, bytes_each * count)
