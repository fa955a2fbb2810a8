"""Clips each trial's gradient norm to its own threshold, as torch does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class GradientClip:
    """Clips the gradients of all trials in a few operations."""

    def __init__(self, thresholds: Sequence[float | None], like: Tensor) -> None:
        """Prepare the thresholds.

        Args:
            thresholds: Threshold of each trial (K,); None: it is not clipped.
            like: A tensor with the type and device of the gradients.
        """
        self.needed = any(t is not None for t in thresholds)
        limits = [float("inf") if t is None else t for t in thresholds]
        self.limits = torch.tensor(limits, dtype=like.dtype, device=like.device)
        self.unlimited = self.limits.isinf()
        self.one = self.limits.new_ones(())

    def __call__(self, grads: Tensor) -> None:
        """Clip gradients (K, numbers) in place."""
        if not self.needed:
            return
        norm = torch.linalg.vector_norm(grads, dim=1)
        factor = (self.limits / (norm + 1e-6)).clamp(max=1.0)
        grads.mul_(torch.where(self.unlimited, self.one, factor)[:, None])
