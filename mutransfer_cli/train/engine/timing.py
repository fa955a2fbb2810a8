"""Times a few steps of a trial, by itself and in a population."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mutransfer_cli.documents.step_mode import StepMode
from mutransfer_cli.train.gradients.micro_batches import micro_batches
from mutransfer_cli.train.machine.memory import bytes_per_trial
from mutransfer_cli.train.population.oom_split import is_out_of_memory
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial

WARMUP_STEPS = 2
FEWEST_TIMED_STEPS = 3
TIMING_SECONDS = (0.05, 0.5)  # least and most seconds of timing an engine
TIMING_SHARE = 0.0015  # of the seconds of training all trials one by one


@dataclass(frozen=True, slots=True)
class Timing:
    """Measured time and memory of a step.

    Attributes:
        size: Trials in the population; 1: a trial by itself.
        seconds: Seconds of a step, per trial.
        bytes: Bytes of all trials.
        step_mode: How the population steps.
    """

    size: int
    seconds: float
    bytes: int
    step_mode: StepMode = "plain"


def time_limit(seconds: float, steps: int, count: int) -> float:
    """Seconds that timing one engine may take.

    Args:
        seconds: Seconds of a step of one trial by itself.
        steps: Steps of a trial.
        count: Number of trials.
    """
    least, most = TIMING_SECONDS
    return min(max(least, TIMING_SHARE * seconds * steps * count), most)


def seconds_per_step(
    step: Callable[[int], object], steps: int, limit: float = TIMING_SECONDS[0]
) -> float:
    """The shortest time of a step after a warm-up, as disturbances only make steps longer.

    Args:
        step: Trains the step with a number.
        steps: Number of available steps.
        limit: Seconds after which no further step is timed.
    """
    times: list[float] = []
    began = time.perf_counter()
    for i in range(steps):
        started = time.perf_counter()
        step(i)
        now = time.perf_counter()
        if i >= WARMUP_STEPS:
            times.append(now - started)
        if len(times) >= FEWEST_TIMED_STEPS and now - began > limit:
            break
    return min(times) if times else time.perf_counter() - began


def time_single(trial: Trial, device: str) -> Timing:
    """Time a few steps of one trial by itself."""
    model = SingleModel(trial, device)
    part = micro_batches(model.batch(0), model.accumulate)[0]
    size_in_bytes = bytes_per_trial(model.subject, part)
    seconds = seconds_per_step(lambda i: float(model.step(i)), max(trial.size.steps, 1))
    return Timing(1, seconds, size_in_bytes)


def time_population(
    trials: Sequence[Trial], count: int, device: str, bytes_each: int, limit: float
) -> Timing | None:
    """Time a few steps of a population.

    Args:
        trials: A few of those that would train together; they are repeated.
        count: Trials in the population.
        device: Torch's name of the device.
        bytes_each: Bytes that a trial takes.
        limit: Seconds that stepping may take.

    Returns:
        The timing; None if the population does not fit into memory.
    """
    group = [trials[i % len(trials)] for i in range(count)]
    try:
        population = Population(group, device)
        steps = max(trials[0].size.steps, 1)
        seconds = seconds_per_step(lambda i: population.step(i).cpu(), steps, limit)
    except Exception as error:  # torch raises several types when memory runs out
        if not is_out_of_memory(error):
            raise
        return None
    return Timing(count, seconds / count, bytes_each * count)
