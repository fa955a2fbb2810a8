"""Compares a stack's learning rates over the run with the planned ones.

The rows of the catalog say which schedules a stack has and how its warmup starts; what its files
can set beyond that, they set.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

from mutransfer_cli.catalog.stack_entry import StackEntry
from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.emit.core.protocol import EmitRequest, ScheduleSteps

STEPS_COMPARED = 2000


def planned_share(schedule: ScheduleSteps, steps: int, step: int) -> float:
    """The planned rate as a share of the peak.

    Args:
        schedule: The schedule at the target.
        steps: Number of steps of the run.
        step: The step, counted from 0.
    """
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    left = min(1.0, (steps - step) / schedule.decay) if schedule.decay else 1.0
    if schedule.name == "cosine":
        left = (1 - cos(pi * left)) / 2
    return schedule.final + (1 - schedule.final) * left


def stack_share(row: StackEntry, schedule: ScheduleSteps, steps: int, step: int) -> float:
    """The stack's rate as a share of the peak.

    Args:
        row: The stack's row in the catalog.
        schedule: The schedule at the target.
        steps: Number of steps of the run.
        step: The step, counted from 0.
    """
    if row.warmup == "zero" and step < schedule.warmup:
        return step / schedule.warmup
    name = schedule_of(row, schedule.name)
    if name != schedule.name:
        schedule = ScheduleSteps(name, schedule.warmup, steps - schedule.warmup, schedule.final)
    return planned_share(schedule, steps, step)


def schedule_of(row: StackEntry, name: str) -> str:
    """The name of the schedule that the stack follows where a recipe has `name`."""
    return name if row.schedules is None or name in row.schedules else row.schedules[0]


def schedule_deviations(request: EmitRequest, row: StackEntry) -> tuple[Deviation, ...]:
    """The deviations of the rates; each names a step, counted from 1, and the rates there."""
    schedule, steps = request.schedule, request.plan.target["steps"]

    def rates(step: int) -> tuple[float, float]:
        planned = planned_share(schedule, steps, step)
        return planned, stack_share(row, schedule, steps, step)

    def largest(candidates: Iterable[int]) -> tuple[int, float, float]:
        step = max(candidates, key=lambda s: abs(rates(s)[0] - rates(s)[1]))
        return (step + 1, *rates(step))

    deviations = []
    instead = schedule_of(row, schedule.name)
    if instead != schedule.name:
        compared = range(schedule.warmup, steps, max(1, steps // STEPS_COMPARED))
        at, planned, actual = largest(compared or range(steps))
        deviations.append(
            Deviation(
                what="schedule",
                wanted=schedule.name,
                got=instead,
                consequence=f"the stack has no other: at step {at} the rate is {actual:.3g} of the "
                f"peak instead of {planned:.3g}, and less different elsewhere; set schedule.name: "
                f"{instead} and tune with it",
            )
        )
    warmup = min(schedule.warmup, steps)
    if row.warmup != "planned" and warmup:
        planned, actual = rates(0)
        deviations.append(
            Deviation(
                what="schedule at step 1",
                wanted=planned,
                got=actual,
                consequence=f"shares of the peak: steps 1 to {warmup} each have the rate of the "
                "step before, and the first does not train",
            )
        )
    return tuple(deviations)
