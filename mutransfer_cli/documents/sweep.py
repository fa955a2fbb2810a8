"""The documents of `sweep` and `sweep --dry-run`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS
from mutransfer_cli.documents.base import Part
from mutransfer_cli.documents.step_mode import StepMode


class Counts(Part):
    """How many trials were requested, and how they ended."""

    asked: int
    finished: int
    pruned: int
    diverged: int
    failed: int


class MeasuredEngine(Part):
    """An engine that was timed on a rung."""

    size: int = Field(description="trials in a population; 1: one by one")
    seconds: float = Field(description="time per step of one trial")
    bytes: int
    way: StepMode = Field(
        default="plain", description="graph: a population's step as one CUDA graph"
    )


@further_fields(int, lambda axis: BASE_DEFAULTS[axis.size])
class RungEngine(Part):
    """How the trials of one rung are trained, and why."""

    width: int
    depth: int
    batch: int
    steps: int
    size: int = Field(description="trials in a population, at most; 1: one by one")
    why: str
    way: StepMode = Field(default="plain", description="how its populations step, as in `measured`")
    device: str | None = Field(
        default=None, description="device on which it was chosen; null: unknown"
    )
    settled: bool = Field(
        default=True, description="whether more trials would not change the choice"
    )
    measured: tuple[MeasuredEngine, ...] = Field(
        description="all engines that were timed; empty: there was no choice to make"
    )


class Population(Part):
    """How trials were grouped in a sweep."""

    size: int = Field(description="largest number of trials that train as one computation")
    batched: bool
    why: str
    rungs: tuple[RungEngine, ...] = Field(default=(), description="choice for each rung")


class BestTrial(Part):
    """The choice of `fit`; the trial with the lowest loss while no rung has an optimum."""

    width: int = Field(description="where it is best: the target, the largest rung, or the trial")
    seed: int | None = Field(description="of the trial; null for the choice of a fit")
    loss: float | None = Field(description="expected loss there; null at a target")
    params: dict[str, float]
    reason: str = "the lowest loss of a trial; no rung has an optimum yet"


class SweepDocument(Part):
    """What `mutransfer sweep --json` prints."""

    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    run: str
    trials: Counts
    best: BestTrial | None
    seconds: float = Field(description="duration of this call")
    flops: float = Field(
        description="FLOPs of finished trials, and of pruned ones until they were stopped"
    )
    trials_per_second: float | None = Field(description="rate of this call; null: it ran no trial")
    population: Population
    workers: int
    device: str
    notes: tuple[str, ...] = ()


@further_fields(int, lambda axis: BASE_DEFAULTS[axis.size])
class RungCost(Part):
    """What one rung costs."""

    width: int
    depth: int
    batch: int
    steps: int
    trials: int
    flops: float = Field(description="FLOPs of one trial, counted by torch")
    bytes: int | None = Field(
        description="memory of one trial: weights, gradients, moments, activations; null: unknown"
    )
    seconds: float | None = Field(
        description="duration of one trial by itself on this device, from timed passes; for a "
        "program of the user's own, from its finished trials; null: unknown"
    )
    seconds_all: float | None = Field(
        default=None,
        description="duration of all trials on all workers, as the sweep would train them",
    )
    population: int = Field(
        default=1, description="trials in a population in seconds_all, at most; 1: one by one"
    )


@further_fields(int, lambda axis: BASE_DEFAULTS[axis.size])
class TargetCost(Part):
    """What the sweep's trials would cost at the target's size."""

    width: int
    depth: int
    batch: int
    steps: int
    flops: float = Field(description="FLOPs of one trial at the target's size and steps")
    share: float = Field(
        description="the sweep's FLOPs divided by those of as many trials of the target"
    )


class DryRunDocument(Part):
    """What `mutransfer sweep --dry-run --json` prints."""

    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    dry_run: Literal[True] = True
    rungs: tuple[RungCost, ...]
    trials: int = Field(description="number of trials before the grid grows at an edge")
    trials_at_most: int
    flops: float = Field(description="FLOPs of the forward and backward passes of all trials")
    target: TargetCost | None = Field(default=None, description="null: the recipe has no target")
    bytes: int | None = Field(description="memory of all workers together; null: unknown")
    seconds: float | None = Field(
        description="total of training, calibration and start; null: unknown"
    )
    seconds_training: float | None = Field(
        default=None, description="sum of seconds_all over the rungs; null: unknown"
    )
    seconds_calibration: float = Field(
        default=0.0, description="time to measure which engine is fastest"
    )
    seconds_start: float = Field(default=0.0, description="time until the workers train")
    price: float | None = Field(
        default=None,
        description="of `seconds` at search.budget.price_per_hour; null: either is unknown",
    )
    price_at_target: float | None = Field(
        default=None,
        description="of as many trials of the target, at the sweep's FLOPs per second",
    )
    workers: int
    device: str
    notes: tuple[str, ...] = ()
