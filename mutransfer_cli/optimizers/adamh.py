"""AdamH (Wen et al., arXiv 2606.16899): Adam's update at a fixed norm, for hidden matrices.

With the width, its entries are as large as the weights. The rate ∝ width^-1/2 of fully aligned
updates is derived; the authors' own is one rate at every width, as under `parameterization: sp`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from mutransfer_cli.optimizers.geometry import FIXED_NORM
from mutransfer_cli.optimizers.hyperball import NO_DECAY, norm_of, trains, turn
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec


class AdamH(Optimizer):
    """W ← R Norm(W - lr R Norm(m̂ / (√v̂ + ε))), for matrices."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.01,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        """Create the optimizer.

        Args:
            params: Matrices, or groups of them.
            lr: Norm of a step, divided by that of the matrix.
            betas: Decay of the first and second moment per step.
            eps: Added to the root of the second moment.
            weight_decay: Ignored: the norm stays the same.
        """
        options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"], state["norm"] = torch.zeros(()), norm_of(p)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
                state["step"] += 1
                first = state["exp_avg"].lerp_(p.grad, 1 - beta1)
                second = state["exp_avg_sq"].lerp_(p.grad.square(), 1 - beta2)
                unbiased = (1 - beta2 ** float(state["step"])) ** 0.5
                # the bias of the first moment is a factor, which the norm removes
                turn(
                    p, first / (second.sqrt() / unbiased + group["eps"]), group["lr"], state["norm"]
                )
        return loss


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas, as `AdamH` takes them."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


def torch_class() -> type[Optimizer]:
    """Return `AdamH`."""
    return AdamH


ADAMH = OptimizerSpec(
    name="adamh",
    geometry=FIXED_NORM,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    decay_fault=NO_DECAY,
)
