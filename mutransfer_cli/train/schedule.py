"""The learning rate over a run, as a share of its peak."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True, slots=True)
class Schedule:
    """name: linear | cosine | constant | wsd; warmup, final and decay as shares."""

    name: str = "linear"
    warmup: float = 0.1
    final: float = 0.0
    decay: float = 0.2  # wsd only: share of the steps in the final decay

    def __call__(self, step: int, steps: int) -> float:
        """The factor at `step`, counted from 0, of `steps`; the warmup never starts at 0."""
        rising = round(self.warmup * steps)
        if step < rising:
            return (step + 1) / rising
        if self.name == "constant":
            return 1.0
        if self.name == "wsd":
            falling = max(1, round(self.decay * steps))
            left = min(1.0, (steps - step) / falling)
        else:
            left = (steps - step) / max(1, steps - rising)
        if self.name == "cosine":
            left = (1 - cos(pi * left)) / 2
        return self.final + (1 - self.final) * left
