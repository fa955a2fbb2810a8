"""Adamax (Kingma and Ba, arXiv 1412.6980); its weight decay is added to the gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas, as torch.optim.Adamax takes them."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import Adamax

    return Adamax


ADAMAX = OptimizerSpec(
    name="adamax",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
