"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas, as torch.optim.AdamW takes them."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import AdamW

    return AdamW


ADAMW = OptimizerSpec(
    name="adamw",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
    tabulated=True,
    horizon_published=True,
)
