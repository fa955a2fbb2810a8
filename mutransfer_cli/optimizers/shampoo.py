"""Shampoo (Gupta et al., arXiv 1802.09568), from the package pytorch_optimizer.

A matrix's gradient G becomes L^-1/4 G R^-1/4, where L and R are the sums of G Gᵀ and Gᵀ G over all
steps so far. Where gradients stay the same, all singular values of the update are 1/√steps. A
vector's update would be its gradient divided by its norm, whose entries shrink as it grows; so it
trains hidden matrices only, as Qiu et al. do (arXiv 2512.05620).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SPECTRAL
from mutransfer_cli.optimizers.muon import trains
from mutransfer_cli.optimizers.packages import class_of
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and the decoupled decay, as pytorch_optimizer.Shampoo takes them.

    Its matrix_eps is added to L and R, which have the size of the squared norm of the gradient.
    """
    eps = hyperparameters.eps
    return {"matrix_eps": None if eps is None else eps**2, "weight_decouple": True}


def torch_class() -> type[Optimizer] | None:
    """Return the package's class; None where it is not installed."""
    return class_of("pytorch_optimizer", "Shampoo")


SHAMPOO = OptimizerSpec(
    name="shampoo",
    geometry=SPECTRAL,
    epsilon="gradient norm",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    lr_source="QIU",
)
