"""Muon (Jordan et al. 2024): orthogonalized momentum, for hidden matrices."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from mutransfer_cli.optimizers.geometry import SPECTRAL
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec
from mutransfer_cli.tracing.roles import Shape

if TYPE_CHECKING:
    from torch.optim import Optimizer

MOMENTUM = 0.95  # the authors' choice


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Momentum and epsilon, as torch.optim.Muon takes them."""
    return {"momentum": hyperparameters.momentum or MOMENTUM, "eps": hyperparameters.eps}


def torch_class() -> type[Optimizer] | None:
    """Return torch's own class; there is none before torch 2.9."""
    import torch.optim

    return getattr(torch.optim, "Muon", None)


def trains(role: str, shape: Shape) -> bool:
    """Whether the tensor is a hidden matrix; the authors advise AdamW for everything else."""
    return role == "hidden" and len(shape) == 2


def lr_shape_factor(shape: Shape) -> float:
    """The factor that torch.optim.Muon itself applies to the rate: √max(1, rows/columns)."""
    return sqrt(max(1.0, shape[0] / shape[1]))


MUON = OptimizerSpec(
    name="muon",
    geometry=SPECTRAL,
    epsilon="gradient norm",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    lr_shape_factor=lr_shape_factor,
    lr_source="QIU",
)
