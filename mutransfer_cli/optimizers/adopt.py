"""ADOPT (Taniguchi et al., arXiv 2411.02853), from the package pytorch_optimizer.

The gradient is divided by the second moment of the steps before it, clipped, and then averaged. Its
first step only measures that moment. Entries of the update are of size 1, as Adam's (derived).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.packages import class_of
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon, betas and the decoupled decay, as pytorch_optimizer.ADOPT takes them."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas, "weight_decouple": True}


def torch_class() -> type[Optimizer] | None:
    """Return the package's class; None where it is not installed."""
    return class_of("pytorch_optimizer", "ADOPT")


ADOPT = OptimizerSpec(
    name="adopt",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
