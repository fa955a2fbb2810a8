"""RAdam (Liu et al., arXiv 1908.03265) with decoupled weight decay, as torch has it.

Its first steps, before the variance of its second moment is bounded, are those of a momentum: the
updates then follow the gradient's scale. Entries of all later ones are of size 1. Under the usual
betas there are five such steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon, betas and the decoupled decay, as torch.optim.RAdam takes them."""
    return {
        "eps": hyperparameters.eps,
        "betas": hyperparameters.betas,
        "decoupled_weight_decay": True,
    }


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import RAdam

    return RAdam


RADAM = OptimizerSpec(
    name="radam",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
