"""The result of a trial."""

from __future__ import annotations

from dataclasses import dataclass, field
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
        norms: Norms of its weights at the end, and of the update in the middle: see
            `tensor_norms`.
    """

    outcome: Outcome
    loss: float | None
    curve: tuple[tuple[int, float], ...]
    seconds: float
    why: str | None = None
    norms: dict[str, float] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of_losses(
        cls,
        outcome: Outcome,
        losses: Tensor,
        seconds: float,
        loss: float | None = None,
        why: str | None = None,
        norms: dict[str, float] | None = None,
    ) -> Result:
        """Make a result whose curve has at most `CURVE_POINTS` evenly spaced losses.

        Args:
            outcome: How the trial ended.
            losses: Losses of its steps (n,), on the CPU.
            seconds: Its training time.
            loss: The objective.
            why: Why it did not finish.
            norms: Norms of its weights and of an update.
        """
        values = losses.float().numpy()
        steps = np.linspace(0, len(values) - 1, min(CURVE_POINTS, len(values)))
        kept = np.unique(steps.astype(int))
        curve = tuple((int(i), float(values[i])) for i in kept if np.isfinite(values[i]))
        return cls(outcome, loss, curve, seconds, why, norms or {})
