"""RMSprop (Tieleman and Hinton 2012); its weight decay is added to the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon, momentum, and beta2 as alpha, as torch.optim.RMSprop takes them."""
    return {
        "eps": hyperparameters.eps,
        "alpha": hyperparameters.betas[1],
        "momentum": hyperparameters.momentum,
    }


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import RMSprop

    return RMSprop


RMSPROP = OptimizerSpec(
    name="rmsprop",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
