"""Shampoo (Gupta et al., arXiv 1802.09568): Kronecker-factored preconditioning; plans only."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.optimizers.geometry import SPECTRAL
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


SHAMPOO = OptimizerSpec(
    name="shampoo",
    geometry=SPECTRAL,
    epsilon="gradient norm",
    group_options=group_options,
    lr_source="QIU",
)
