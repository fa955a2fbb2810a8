"""The critical learning rate: how long the next update could be before the loss rises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mutransfer_cli.probes.curvature.flat import moved

MOST_PASSES = 16
PRECISION = 2**0.25  # ratio of the bounds at which the search ends


@dataclass(frozen=True)
class CriticalRate:
    """The multiple of an update at which the loss is back at its value before the update.

    Attributes:
        low: Largest multiple tried at which the loss is lower than before.
        high: Smallest multiple tried at which it is higher.
        passes: Number of losses computed.
    """

    low: float
    high: float
    passes: int

    @property
    def value(self) -> float:
        """Their geometric mean."""
        return (self.low * self.high) ** 0.5 if self.low > 0 else 0.0


def critical_learning_rate(
    loss: Callable[[], float], parameters: Sequence[Tensor], update: Sequence[Tensor]
) -> CriticalRate:
    """Find the critical multiple of an update by doubling or halving, then bisection.

    1 / `value` is critical sharpness in units of 2/η (Kalra and Barkeshli, arXiv 2301.04653; the
    line search with 5 to 6 forward passes is that of arXiv 2601.16979).

    Args:
        loss: Loss at the current weights, without gradients; deterministic.
        parameters: The parameters that the update moves.
        update: What the step would add to each of them.
    """
    passes = 0

    def at(multiple: float) -> float:
        nonlocal passes
        passes += 1
        with torch.no_grad(), moved(parameters, [multiple * u for u in update]):
            return loss()

    with torch.no_grad():
        before = loss()
    passes += 1
    low, high = 0.0, float("inf")
    multiple = 1.0
    while passes < MOST_PASSES and (low == 0.0 or high == float("inf")):
        if at(multiple) < before:  # a loss that is not finite is not lower
            low = multiple
            multiple *= 2
        else:
            high = multiple
            multiple /= 2
    while passes < MOST_PASSES and low > 0 and high < float("inf") and high / low > PRECISION:
        middle = (low * high) ** 0.5
        if at(middle) < before:
            low = middle
        else:
            high = middle
    return CriticalRate(low, high, passes)
