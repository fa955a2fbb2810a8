"""Section `search`: what is varied, and how."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.catalog.fields import Natural, Positive, PositiveNumber, Section
from mutransfer_cli.recipe.schema.names import PrunerName, SamplerName
from mutransfer_cli.recipe.schema.space import Space


class Budget(Section):
    """Where a sweep stops; null: no limit."""

    trials: Positive | None = None
    """Trials in all; a sampler shares them among rungs and seeds."""
    flops: PositiveNumber | None = None
    """Floating-point operations in all."""
    minutes: PositiveNumber | None = None
    """Wall clock."""


def _default_space() -> dict[str, Space]:
    return {"lr": Space(log2=(-12.0, -3.0), step=1.0)}


class Search(Section):
    """How the optimum is found on every rung."""

    space: dict[str, Space] = Field(default_factory=_default_space)
    """Hyperparameter: its values."""
    sampler: SamplerName = "grid"
    """How settings are chosen."""
    objective: Literal["val_loss", "train_loss"] = "val_loss"
    """train_loss is the mean of the last tenth of the steps."""
    seeds: Positive = 2
    """Runs per setting."""
    precision: PositiveNumber = 0.25
    """Octaves: adaptive stops where the 90 % interval of an optimum reaches no further."""
    extend: Natural = 4
    """How many steps a grid may grow at an edge."""
    prune: PrunerName = "none"
    """Which trials end early, by Optuna's pruner: only those that are clearly worse than others of
    their rung that ran to the end, and on a line of learning rates none near the best."""
    budget: Budget = Field(default_factory=Budget)
    """Where the sweep stops."""
    timeout: PositiveNumber | None = None
    """Seconds a trial may take."""
