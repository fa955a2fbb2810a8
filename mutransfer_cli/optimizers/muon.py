"""Muon (Jordan et al. 2024): orthogonalized momentum, for hidden matrices."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from mutransfer_cli.catalog.lr_adjustments import LR_ADJUSTMENTS
from mutransfer_cli.optimizers.geometry import SPECTRAL
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, OptimizerSpec
from mutransfer_cli.optimizers.shape_factors import LrAdjustment, lr_adjustment
from mutransfer_cli.tracing.roles import Shape

if TYPE_CHECKING:
    from torch.optim import Optimizer

MOMENTUM = 0.95  # the authors' choice
CLASS_DEFAULT = "original"  # what torch's class does without adjust_lr_fn


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


def lr_shape_factor(shape: Shape, adjustment: LrAdjustment | None = None) -> float:
    """The factor of the convention, by default that of torch.optim.Muon: √max(1, rows/columns)."""
    return (adjustment or lr_adjustment(CLASS_DEFAULT))(shape)


@cache
def class_adjustments() -> tuple[str, ...]:
    """The conventions that the installed torch.optim.Muon knows, found by asking it."""
    import torch

    muon: Any = torch_class()
    known = []
    for row in LR_ADJUSTMENTS:
        try:
            if row.in_torch and row.name != CLASS_DEFAULT:
                muon([torch.zeros(1, 1)], adjust_lr_fn=row.name)
                known.append(row.name)
        except (TypeError, ValueError):
            continue
    return (CLASS_DEFAULT, *known)


def class_adjustment(adjustment: LrAdjustment) -> LrAdjustment:
    """The convention that torch's class is set to: the same formula if it knows it."""
    known = [lr_adjustment(name) for name in class_adjustments()]
    return next((own for own in known if own.same_as(adjustment)), known[0])


def class_options(
    options: dict[str, Any], shape: Shape, adjustment: LrAdjustment | None
) -> dict[str, Any]:
    """A group's options for torch's class, which may know the convention under another name.

    Where it does not know the formula, rate and decay are converted to the convention that it
    follows. Both products, rate × factor and rate × decay, stay the same, so the step does too.

    Args:
        options: The options, with rate and decay in the convention of the plan.
        shape: Shape of the matrix.
        adjustment: The convention; None: that of the class.
    """
    if adjustment is None:
        return options
    own = class_adjustment(adjustment)
    name = {} if own.name == CLASS_DEFAULT else {"adjust_lr_fn": own.name}
    if own.same_as(adjustment):
        return {**options, **name}
    factor = adjustment(shape) / own(shape)
    converted = {"lr": options["lr"] * factor, "weight_decay": options["weight_decay"] / factor}
    return {**options, **converted, **name}


MUON = OptimizerSpec(
    name="muon",
    geometry=SPECTRAL,
    epsilon="gradient norm",
    group_options=group_options,
    torch_class=torch_class,
    trains=trains,
    lr_shape_factor=lr_shape_factor,
    class_adjustment=class_adjustment,
    class_options=class_options,
    lr_source="QIU",
)
