"""NAdam (Dozat 2016) with decoupled weight decay, as torch has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon, betas and the decoupled decay, as torch.optim.NAdam takes them."""
    return {
        "eps": hyperparameters.eps,
        "betas": hyperparameters.betas,
        "decoupled_weight_decay": True,
    }


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import NAdam

    return NAdam


NADAMW = OptimizerSpec(
    name="nadamw",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
