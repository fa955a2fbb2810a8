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
    """One engine that was timed on a rung."""

    size: int = Field(description="trials in a population; 1: one by one")
    seconds: float = Field(description="a step of one trial")
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
    way: StepMode = Field(default="plain", description="of its populations, as in `measured`")
    device: str | None = Field(default=None, description="where it was chosen; null: unknown")
    settled: bool = Field(default=True, description="more trials would not change it")
    measured: tuple[MeasuredEngine, ...] = Field(
        description="everything that was timed; empty: nothing had to be"
    )


class Population(Part):
    """How trials were grouped in a sweep."""

    size: int = Field(description="trials that train as one computation, at most")
    batched: bool
    why: str
    rungs: tuple[RungEngine, ...] = Field(default=(), description="the choice of each rung")


class BestTrial(Part):
    """The trial with the lowest loss."""

    width: int
    seed: int
    loss: float
    params: dict[str, float]


class SweepDocument(Part):
    """What `mutransfer sweep --json` prints."""

    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    run: str
    trials: Counts
    best: BestTrial | None
    seconds: float = Field(description="of this call")
    flops: float = Field(description="of finished trials, and of pruned ones as far as they went")
    trials_per_second: float | None = Field(description="of this call; null where none was run")
    population: Population
    workers: int
    device: str
    notes: tuple[str, ...] = ()


class RungCost(Part):
    """What one rung costs."""

    width: int
    trials: int
    flops: float = Field(description="of one trial, counted by torch")
    bytes: int | None = Field(
        description="of one trial: weights, gradients, moments, activations; null: unknown"
    )
    seconds: float | None = Field(
        description="of one trial by itself on this device, from timed passes; of a program of "
        "the user's own, from its finished trials; null: unknown"
    )
    seconds_all: float | None = Field(
        default=None,
        description="until all trials have ended on all workers, as the sweep would train them",
    )
    population: int = Field(
        default=1, description="trials in a population in seconds_all, at most; 1: one by one"
    )


class TargetCost(Part):
    """What the sweep's trials would cost at the target's size."""

    width: int
    depth: int
    batch: int
    steps: int
    flops: float = Field(description="of one trial at the target's size and steps")
    share: float = Field(description="the sweep's FLOPs over as many trials of the target")


class DryRunDocument(Part):
    """What `mutransfer sweep --dry-run --json` prints."""

    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    dry_run: Literal[True] = True
    rungs: tuple[RungCost, ...]
    trials: int = Field(description="before the grid grows at an edge")
    trials_at_most: int
    flops: float = Field(description="forward and backward passes of all trials")
    target: TargetCost | None = Field(default=None, description="null: the recipe has no target")
    bytes: int | None = Field(description="at a time, over all workers; null: unknown")
    seconds: float | None = Field(
        description="in all: training, calibration and start; null: unknown"
    )
    seconds_training: float | None = Field(
        default=None, description="of the rungs, seconds_all added up; null: unknown"
    )
    seconds_calibration: float = Field(
        default=0.0, description="of measuring which engine is fastest"
    )
    seconds_start: float = Field(default=0.0, description="until the workers train")
    workers: int
    device: str
    notes: tuple[str, ...] = ()
