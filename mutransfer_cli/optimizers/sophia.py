"""Sophia-H (Liu et al., arXiv 2305.14342, algorithm 3): momentum over the Hessian, clipped.

Entries of the update are of size 1 where the clip acts. At a fixed gamma it acts on more entries
the wider the model, since Hessian entries shrink like squared gradients; so the rules are those of
a sign (assumption).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

PERIOD = 10  # steps between estimates of the Hessian (the authors' choice)


class Sophia(Optimizer):
    """θ ← (1 - lr λ) θ - lr clip(m / max(γ h, ε), 1), with h the Hessian's diagonal.

    Every tenth step estimates h from the gradients' own graph, so that step's backward pass needs
    `create_graph=True`, as `needs_graph` says. Without the graph the estimate stays as it is.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.96, 0.99),
        eps: float = 1e-12,
        weight_decay: float = 0.0,
        gamma: float = 0.01,
    ) -> None:
        """Create the optimizer.

        Args:
            params: Tensors, or groups of them.
            lr: Step size of an entry that is clipped.
            betas: Decay of the momentum per step, and of the Hessian per estimate.
            eps: Lower bound of γ h.
            weight_decay: Decoupled decay: each step shrinks weights by the share lr × weight_decay.
            gamma: Factor γ on the Hessian; a smaller one clips more entries.
        """
        options = {"lr": lr, "betas": betas, "eps": eps}
        super().__init__(params, {**options, "weight_decay": weight_decay, "gamma": gamma})
        for group in self.param_groups:
            group.setdefault("steps", 0)

    @property
    def needs_graph(self) -> bool:
        """Whether the next step estimates the Hessian."""
        return bool(self.param_groups[0]["steps"] % PERIOD == 0)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        estimates = self._estimates() if self.needs_graph else {}
        for group in self.param_groups:
            group["steps"] += 1
            first, second = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                p.grad = p.grad.detach()
                state = self.state[p]
                if not state:
                    state["momentum"], state["hessian"] = torch.zeros_like(p), torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - first)
                if p in estimates:
                    state["hessian"].lerp_(estimates[p], 1 - second)
                bound = (group["gamma"] * state["hessian"]).clamp_(min=group["eps"])
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * (state["momentum"] / bound).clamp_(-1, 1))
        return loss

    def _estimates(self) -> dict[Tensor, Tensor]:
        """Hutchinson's estimate u ⊙ H u of the Hessian's diagonal, u being random signs."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        parameters = [p for p in parameters if p.grad is not None and p.grad.requires_grad]
        if not parameters:
            return {}
        random = torch.Generator().manual_seed(int(self.param_groups[0]["steps"]))
        signs = [(2.0 * torch.randint(2, p.shape, generator=random) - 1).to(p) for p in parameters]
        with torch.enable_grad():
            products = torch.autograd.grad(
                [p.grad for p in parameters], parameters, signs, allow_unused=True
            )
        return {
            p: sign * product
            for p, sign, product in zip(parameters, signs, products, strict=True)
            if product is not None
        }


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas, as `Sophia` takes them."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


def torch_class() -> type[Optimizer]:
    """Return `Sophia`."""
    return Sophia


SOPHIA = OptimizerSpec(
    name="sophia",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
