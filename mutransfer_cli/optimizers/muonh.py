"""MuonH (Wen et al., arXiv 2606.16899): Muon's update at a fixed norm, for hidden matrices.

All singular values of a step are lr · RMS(W) · √max(out, in), so matrices that keep their ratio of
sides have one rate at every width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from mutransfer_cli.optimizers import newton_schulz
from mutransfer_cli.optimizers.geometry import FIXED_NORM_SPECTRAL
from mutransfer_cli.optimizers.hyperball import NO_DECAY, norm_of, trains, turn
from mutransfer_cli.optimizers.muon import MOMENTUM
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment
from mutransfer_cli.tracing.roles import Shape

CONVENTION = "spectral"  # √max(out, in): of a matrix with equal singular values and RMS 1


class MuonH(Optimizer):
    """W ← R Norm(W - lr R Norm(O)), O being Nesterov's momentum with equal singular values."""

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.01,
        momentum: float = MOMENTUM,
        eps: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        """Create the optimizer.

        Args:
            params: Matrices, or groups of them.
            lr: Norm of a step, divided by that of the matrix.
            momentum: Decay of the momentum per step.
            eps: Lower bound of the norm that the momentum is divided by.
            weight_decay: Ignored: the norm stays the same.
        """
        options = {"lr": lr, "momentum": momentum, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, options)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            momentum = group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["norm"], state["momentum_buffer"] = norm_of(p), torch.zeros_like(p)
                buffer = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                update = newton_schulz.orthogonalized(
                    p.grad.lerp(buffer, momentum)[None],
                    torch.tensor([group["eps"]], device=p.device),
                    newton_schulz.COEFFICIENTS,
                    newton_schulz.ITERATIONS,
                )[0]
                turn(p, update.to(p.dtype), group["lr"], state["norm"])
        return loss


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Momentum and epsilon, as `MuonH` takes them."""
    return {"momentum": hyperparameters.momentum or MOMENTUM, "eps": hyperparameters.eps}


def torch_class() -> type[Optimizer]:
    """Return `MuonH`."""
    return MuonH


def lr_shape_factor(shape: Shape, adjustment: LrAdjustment | None = None) -> float:
    """The spectral norm of a step at rate 1, divided by the RMS of the matrix: √max(out, in)."""
    return (adjustment or lr_adjustment(CONVENTION))(shape)


MUONH = OptimizerSpec(
    name="muonh",
    geometry=FIXED_NORM_SPECTRAL,
    epsilon="gradient norm",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    lr_shape_factor=lr_shape_factor,
    adjust_lr=CONVENTION,
    decay_fault=NO_DECAY,
)
