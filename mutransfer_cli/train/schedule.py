"""The learning rate over a run, relative to its peak."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule of the learning rate.

    Attributes:
        name: One of linear, cosine, constant, wsd (warmup, stable, decay).
        warmup: Share of the steps in the warmup.
        final: Learning rate after the last step, divided by its peak.
        decay: Share of the steps in the final decay; wsd only.
    """

    name: str = "linear"
    warmup: float = 0.1
    final: float = 0.0
    decay: float = 0.2

    def lr_factor(self, step: int, steps: int) -> float:
        """The learning rate divided by its peak; the warmup never starts at 0.

        Args:
            step: The step, counted from 0.
            steps: Number of steps of the run.
        """
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
