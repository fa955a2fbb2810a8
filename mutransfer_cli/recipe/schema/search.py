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
    """Trials in total; the sampler shares them among rungs and seeds."""
    flops: PositiveNumber | None = None
    """Floating-point operations in total."""
    minutes: PositiveNumber | None = None
    """Wall-clock minutes."""


def _default_space() -> dict[str, Space]:
    return {"lr": Space(log2=(-12.0, -3.0), step=1.0)}


class Search(Section):
    """How the optimum is found on every rung."""

    space: dict[str, Space] = Field(default_factory=_default_space)
    """By hyperparameter, the values it may take."""
    sampler: SamplerName = "grid"
    """How settings are chosen."""
    objective: Literal["val_loss", "train_loss"] = "val_loss"
    """train_loss is the mean of the last tenth of the steps."""
    seeds: Positive = 2
    """Runs per setting."""
    precision: PositiveNumber = 0.25
    """Octaves: adaptive stops once the 90 % interval of an optimum reaches no further than this."""
    extend: Natural = 4
    """Steps by which a grid may grow when the best value is at its edge."""
    prune: PrunerName = "none"
    """Which of Optuna's pruners ends trials early. Only trials that are clearly worse than finished
    ones of their rung are pruned, and on a line of learning rates none near the best."""
    budget: Budget = Field(default_factory=Budget)
    """Where the sweep stops."""
    timeout: PositiveNumber | None = None
    """Seconds a trial may take."""
