"""The result of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

Outcome = Literal["finished", "diverged", "failed", "pruned"]
CURVE_POINTS = 512


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a trial.

    Attributes:
        outcome: How it ended.
        loss: The objective in nats; None unless it finished.
        curve: Steps and training losses, at most `CURVE_POINTS` of them.
        seconds: Its training time; in a population, its share of the population's.
        why: Why it did not finish.
    """

    outcome: Outcome
    loss: float | None
    curve: tuple[tuple[int, float], ...]
    seconds: float
    why: str | None = None

    @classmethod
    def of_losses(
        cls,
        outcome: Outcome,
        losses: Tensor,
        seconds: float,
        loss: float | None = None,
        why: str | None = None,
    ) -> Result:
        """Make a result whose curve has at most `CURVE_POINTS` evenly spaced losses.

        Args:
            outcome: How the trial ended.
            losses: Losses of its steps (n,), on the CPU.
            seconds: Its training time.
            loss: The objective.
            why: Why it did not finish.
        """
        values = losses.float().numpy()
        steps = np.linspace(0, len(values) - 1, min(CURVE_POINTS, len(values)))
        kept = np.unique(steps.astype(int))
        curve = tuple((int(i), float(values[i])) for i in kept if np.isfinite(values[i]))
        return cls(outcome, loss, curve, seconds, why)
