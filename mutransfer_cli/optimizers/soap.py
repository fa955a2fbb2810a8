"""SOAP (Vyas et al., arXiv 2409.11321), from the package pytorch_optimizer.

Adam in the eigenbasis of Shampoo's preconditioners. Where gradients keep their singular vectors,
the update is the gradient with equal singular values; its first step only finds the eigenbasis. It
trains hidden matrices only, as Qiu et al. do (arXiv 2512.05620), who derive its rates.
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
    """Epsilon and betas, as pytorch_optimizer.SOAP takes them; its decay is decoupled."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


def torch_class() -> type[Optimizer] | None:
    """Return the package's class; None where it is not installed."""
    return class_of("pytorch_optimizer", "SOAP")


SOAP = OptimizerSpec(
    name="soap",
    geometry=SPECTRAL,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    lr_source="QIU",
)
