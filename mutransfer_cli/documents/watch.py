"""The document of `watch`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mutransfer_cli.catalog.further_sizes import further_fields
from mutransfer_cli.catalog.sizes import BASE_DEFAULTS
from mutransfer_cli.documents.base import Part


@further_fields(int, lambda axis: BASE_DEFAULTS[axis.size])
class WatchedRung(Part):
    """The state of one rung."""

    width: int
    depth: int
    batch: int
    steps: int
    done: int = Field(description="trials that have ended")
    total: int = Field(description="trials that are known to be needed, those that ended included")
    loss: float | None = Field(description="the best loss; null: no trial has finished")
    hyperparameters: dict[str, float] = Field(description="those of the best trial")
    curve: tuple[float, ...] = Field(
        description="training losses of the best trial at equal distances, 32 at most"
    )


class WatchDocument(Part):
    """The state of a sweep."""

    schema_: Literal["mutransfer/watch/v1"] = Field(default="mutransfer/watch/v1", alias="schema")
    run: str
    state: Literal["unfinished", "finished", "at its limit"] = Field(
        description="whether trials are missing; at its limit: the budget is spent before that"
    )
    done: int
    total: int
    pruned: int
    diverged: int
    failed: int
    seconds_left: float | None = Field(
        description="by the time since the sweep was first started, pauses included; null: unknown"
    )
    rungs: tuple[WatchedRung, ...]
