"""The documents of `sweep` and `sweep --dry-run`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Counts(Part):
    asked: int
    finished: int
    pruned: int
    diverged: int
    failed: int


class Way(Part):
    size: int = Field(description="trials in a population; 1: one by one")
    seconds: float = Field(description="of a step of one trial, measured on this device")
    bytes: int = Field(description="of the population, estimated")


class RungEngine(Part):
    width: int
    depth: int
    batch: int
    steps: int
    size: int = Field(description="trials that train together in one computation")
    why: str
    measured: tuple[Way, ...] = Field(description="every way that was tried; empty: none had to be")


class Population(Part):
    size: int = Field(description="trials that train together in one computation")
    batched: bool
    why: str
    rungs: tuple[RungEngine, ...] = Field(default=(), description="the choice for each rung")


class Best(Part):
    width: int
    seed: int
    loss: float
    params: dict[str, float]


class SweepDocument(Part):
    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    run: str
    trials: Counts
    best: Best | None
    seconds: float = Field(description="of this call")
    flops: float = Field(description="of all finished trials")
    trials_per_second: float | None = Field(description="of this call; null where none was run")
    population: Population
    workers: int
    device: str
    notes: tuple[str, ...] = ()


class RungCost(Part):
    width: int
    trials: int
    flops: float = Field(description="of one trial")
    bytes: int = Field(description="of one trial: weights, gradients, moments, activations")
    seconds: float = Field(description="of one trial on this device, from timed passes")


class DryRunDocument(Part):
    schema_: Literal["mutransfer/sweep/v1"] = Field(default="mutransfer/sweep/v1", alias="schema")
    dry_run: Literal[True] = True
    rungs: tuple[RungCost, ...]
    trials: int = Field(description="before the grid grows at an edge")
    trials_at_most: int
    flops: float
    bytes: int = Field(description="at a time, over all workers")
    seconds: float
    workers: int
    device: str
