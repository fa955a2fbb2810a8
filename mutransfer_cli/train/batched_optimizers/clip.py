"""Each trial's gradient norm brought below its own threshold, as torch does it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Clip:
    """thresholds: of each trial; None: it is not clipped."""

    def __init__(self, thresholds: Sequence[float | None], like: Tensor) -> None:
        self.needed = any(t is not None for t in thresholds)
        limits = [float("inf") if t is None else t for t in thresholds]
        self.limits = torch.tensor(limits, dtype=like.dtype, device=like.device)
        self.free = self.limits.isinf()
        self.one = self.limits.new_ones(())

    def __call__(self, gradients: Tensor) -> None:
        if not self.needed:
            return
        norm = torch.linalg.vector_norm(gradients, dim=1)
        factor = (self.limits / (norm + 1e-6)).clamp(max=1.0)
        gradients.mul_(torch.where(self.free, self.one, factor)[:, None])
