"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) for many trials."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from mutransfer_cli.train.batched_optimizers.adam import VectorizedAdam, bind_adam
from mutransfer_cli.train.batched_optimizers.fused import FusedKernel, FusedOrVectorized


class VectorizedAdamW(VectorizedAdam):
    """Adam with decay decoupled from the gradient."""

    def decayed_grads(self) -> Tensor:
        """Decay the parameters; the moments see the bare gradients."""
        self.decay_params()
        return self.grads


BATCHED = FusedOrVectorized(
    FusedKernel(2, partial(bind_adam, torch._fused_adamw_)), VectorizedAdamW
)
