"""One finished or divergent run, wherever it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mutransfer_cli.search.storage.study import Record


@dataclass(frozen=True, slots=True)
class Observation:
    """A run's sizes, its rate quoted at the base, and its loss; None if it diverged, or was pruned:
    then it is clearly worse than others, and no more is known."""

    width: int
    lr: float
    seed: int
    loss: float | None
    depth: int | None = None
    batch: int | None = None
    steps: int | None = None
    params: dict[str, float] = field(default_factory=dict)  # what else was searched
    pruned: bool = False


def observation_of(record: Record, lr: float) -> Observation:
    """A trial as an observation; `lr` is the recipe's, for a search along other dimensions."""
    return Observation(
        width=record.width,
        depth=record.depth,
        batch=record.batch,
        steps=record.steps,
        lr=record.params.get("lr", lr),
        seed=record.seed,
        loss=record.loss,
        params={k: v for k, v in record.params.items() if k != "lr"},
        pruned=record.outcome == "pruned",
    )
