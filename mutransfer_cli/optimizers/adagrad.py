"""Adagrad (Duchi et al. 2011); its weight decay is added to the gradient.

Its updates shrink by themselves like 1/√steps; entries of the first are of size 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SIGN
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec

if TYPE_CHECKING:
    from torch.optim import Optimizer


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon, as torch.optim.Adagrad takes it."""
    return {"eps": hyperparameters.eps}


def torch_class() -> type[Optimizer]:
    """Return torch's own class."""
    from torch.optim import Adagrad

    return Adagrad


ADAGRAD = OptimizerSpec(
    name="adagrad",
    geometry=SIGN,
    epsilon="gradient entries",
    group_options=group_options,
    torch_class=torch_class,
)
