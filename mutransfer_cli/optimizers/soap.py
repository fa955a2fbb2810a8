"""SOAP (Vyas et al., arXiv 2409.11321): Adam in Shampoo's eigenbasis; plans only."""

from __future__ import annotations

from typing import Any

from mutransfer_cli.optimizers.geometry import SPECTRAL
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec


def group_options(hyperparameters: GroupHyperparameters) -> dict[str, Any]:
    """Epsilon and betas."""
    return {"eps": hyperparameters.eps, "betas": hyperparameters.betas}


SOAP = OptimizerSpec(
    name="soap",
    geometry=SPECTRAL,
    epsilon="gradient entries",
    group_options=group_options,
    lr_source="QIU",
)
