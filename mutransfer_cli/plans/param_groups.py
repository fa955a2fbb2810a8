"""Parameter groups with a plan's numbers, and the torch optimizers over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adafactor, Adam, AdamW, Optimizer

from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.types import PlanData, TensorPlan

TORCH: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "adafactor": Adafactor,
}
if hasattr(torch.optim, "Muon"):  # since torch 2.9
    TORCH["muon"] = torch.optim.Muon
OPTIMIZERS: dict[str, type[Optimizer]] = {**TORCH, "lion": Lion}


def group_options(plan: PlanData, tensor: TensorPlan) -> dict[str, Any]:
    """What a torch optimizer takes for one tensor."""
    options: dict[str, Any] = {"lr": tensor.lr, "weight_decay": tensor.weight_decay}
    match tensor.optimizer or plan.optimizer:
        case "sgd":
            options |= {"momentum": plan.momentum, "nesterov": plan.nesterov}
        case "muon":
            options |= {"momentum": plan.momentum or 0.95, "eps": tensor.eps}
        case "lion":
            options |= {"betas": plan.betas}
        case "adam" | "adamw" | "soap" | "shampoo":
            options |= {"eps": tensor.eps, "betas": plan.betas}
    return options


def groups_trained_by(
    plan: PlanData, parameters: Mapping[str, Tensor], optimizer: str
) -> list[dict[str, Any]]:
    """Parameter groups of the tensors that one optimizer trains; parameters: tensors by name."""
    groups: dict[tuple[Any, ...], dict[str, Any]] = {}
    for tensor in plan.tensors:
        p = parameters[tensor.name]
        if not p.requires_grad or (tensor.optimizer or plan.optimizer) != optimizer:
            continue
        options = group_options(plan, tensor)
        group = groups.setdefault(tuple(options.values()), {"params": [], **options})
        group["params"].append(p)
    return list(groups.values())


def optimizer_kinds(plan: PlanData) -> list[str]:
    """The optimizers that the plan's tensors need, muon first."""
    return sorted({t.optimizer or plan.optimizer for t in plan.tensors}, key=lambda k: k != "muon")


def single_optimizer_groups(plan: PlanData, model: nn.Module) -> list[dict[str, Any]]:
    """All tensors' groups, for one optimizer.

    Raises:
        InputError: The plan needs several optimizers, or the model is not the plan's.
    """
    kinds = optimizer_kinds(plan)
    if len(kinds) > 1:
        raise InputError(f"plan: needs {' and '.join(kinds)}; take plan.optimizers(model)")
    return groups_trained_by(plan, parameters_by_name(plan, model), kinds[0])


def untrainable_reason(
    optimizer: str, known: Mapping[str, type[Optimizer]] = OPTIMIZERS
) -> str | None:
    """Why nothing is trained with an optimizer; None where it can. known: all that there are."""
    if optimizer in known:
        return None
    version = torch.__version__.partition("+")[0]
    return f"torch {version} has no {optimizer}: the plan gives its numbers only"


def optimizers_over(plan: PlanData, parameters: Mapping[str, Tensor]) -> list[Optimizer]:
    """The plan's optimizers over its parameters, by name.

    Raises:
        InputError: torch has no such optimizer.
    """
    reason = untrainable_reason(plan.optimizer)
    if reason is not None:
        raise InputError(f"plan: {reason}; take plan.param_groups(model) with your own")
    optimizers = []
    for kind in optimizer_kinds(plan):
        groups = groups_trained_by(plan, parameters, kind)
        if groups:
            optimizers.append(OPTIMIZERS[kind](groups))  # type: ignore[call-arg]  # Optimizer has none of its own
    return optimizers
