"""Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2), which is not included in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec


class Lion(Optimizer):
    """θ ← θ - lr (sign(β1 m + (1-β1) g) + λ θ), then m ← β2 m + (1-β2) g."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        """Create the optimizer.

        Args:
            params: Tensors, or groups of them.
            lr: Step size of every entry.
            betas: Weight of the momentum in the step, and decay of the momentum per step.
            weight_decay: Decoupled decay: each step shrinks weights by the share lr × weight_decay.
        """
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                m = state["exp_avg"]
                direction = torch.lerp(m, p.grad, 1 - first).sign_()
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(direction, alpha=-group["lr"])
                m.lerp_(p.grad, 1 - second)
        return loss


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """The betas, as `Lion` takes them."""
    return {"betas": hyperparameters.betas}


def torch_class() -> type[Optimizer]:
    """Return `Lion`."""
    return Lion


LION = OptimizerSpec(
    name="lion", geometry=SIGN, group_options=group_options, torch_class=torch_class
)
