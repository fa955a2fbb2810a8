"""One finished or divergent run, wherever it was made."""

from __future__ import annotations

from dataclasses import dataclass, field


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
