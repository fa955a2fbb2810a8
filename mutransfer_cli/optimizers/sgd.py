"""Stochastic gradient descent, with momentum; its weight decay is added to the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import GRADIENT
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Momentum, as torch.optim.SGD takes it."""
    return {"momentum": hyperparameters.momentum, "nesterov": hyperparameters.nesterov}


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    import torch.optim

    return torch.optim.SGD


SGD = OptimizerSpec(
    name="sgd",
    geometry=GRADIENT,
    group_options=group_options,
    torch_class=torch_class,
    tabulated=True,
)
