"""The scale on which losses are fitted: logarithms, or differences where these do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TYPICAL = 0.95  # the quantile of all losses that stands for the untrained model's


@dataclass(frozen=True)
class LossScale:
    """How a loss is transformed before it is fitted.

    Attributes:
        logarithmic: Whether logarithms are fitted; else differences in units of `unit`.
        unit: What training gained over the untrained model, in units of the loss.
    """

    logarithmic: bool = True
    unit: float = 1.0

    def transformed(self, losses: Array) -> Array:
        """Losses as they are fitted; NaN stays NaN."""
        return np.log(losses) if self.logarithmic else losses / self.unit

    def loss(self, value: float) -> float:
        """The loss that a fitted value stands for."""
        return float(np.exp(value)) if self.logarithmic else float(value) * self.unit

    def size_of_unit(self, value: float) -> float:
        """A small difference of fitted losses at a fitted value, in units of the loss."""
        return self.loss(value) if self.logarithmic else self.unit

    def relative(self, excess: Array) -> Array:
        """A difference of fitted losses as a fraction of the loss, or of what training gained."""
        return np.asarray(np.expm1(excess)) if self.logarithmic else np.asarray(excess)


def loss_scale(losses: Sequence[float], untrained: float | None = None) -> LossScale:
    """The scale for the losses of a study.

    Args:
        losses: The losses of all runs that finished.
        untrained: The loss of the untrained model, if it is known. Where losses can be zero or
            negative and it is not known, a high quantile of the losses stands for it.
    """
    finite = np.array([loss for loss in losses if np.isfinite(loss)])
    if not len(finite) or finite.min() > 0:
        return LossScale()
    start = float(np.quantile(finite, TYPICAL)) if untrained is None else untrained
    gained = start - float(finite.min())
    return LossScale(logarithmic=False, unit=gained if gained > 0 else 1.0)
