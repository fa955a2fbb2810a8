"""Parameter groups with a plan's numbers, and torch optimizers that train them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.own_optimizers import is_own
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, optimizer_spec
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.types import PlanData, TensorPlan, adjustment_of


def group_options(plan: PlanData, tensor: TensorPlan) -> dict[str, Any]:
    """The options of a torch optimizer for one tensor, in the convention that its class follows."""
    hyperparameters = GroupHyperparameters(plan.betas, tensor.eps, plan.momentum, plan.nesterov)
    spec = optimizer_spec(tensor.optimizer or plan.optimizer)
    options = {
        "lr": tensor.lr,
        "weight_decay": tensor.weight_decay,
        **spec.group_options(hyperparameters),
    }
    return spec.class_options(options, tensor.shape, adjustment_of(plan))


def groups_trained_by(
    plan: PlanData, parameters: Mapping[str, Tensor], optimizer: str
) -> list[dict[str, Any]]:
    """Parameter groups of those `parameters`, keyed by name, that one optimizer trains."""
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
    """The optimizers that the plan's tensors need, the plan's own first."""
    kinds = {t.optimizer or plan.optimizer for t in plan.tensors}
    return sorted(kinds, key=lambda kind: (kind != plan.optimizer, kind))


def single_optimizer_groups(plan: PlanData, model: nn.Module) -> list[dict[str, Any]]:
    """The parameter groups of all tensors, for a plan with a single optimizer.

    Raises:
        InputError: The plan needs several optimizers, or the model is not the plan's.
    """
    kinds = optimizer_kinds(plan)
    if len(kinds) > 1:
        raise InputError(f"plan: needs {' and '.join(kinds)}; use plan.optimizers(model)")
    return groups_trained_by(plan, parameters_by_name(plan, model), kinds[0])


def optimizer_class(optimizer: str) -> type[Optimizer]:
    """The torch class of an optimizer.

    Raises:
        InputError: There is none.
    """
    reason = untrainable_reason(optimizer)
    if reason is not None:
        raise InputError(reason, path=("optimizer",))
    torch_class = optimizer_spec(optimizer).torch_class()
    assert torch_class is not None
    return torch_class


def untrainable_reason(optimizer: str, *, torch_only: bool = False) -> str | None:
    """Why nothing can be trained with an optimizer here; None if it can.

    Args:
        optimizer: Its name in the catalog.
        torch_only: Whether only classes of torch itself count.
    """
    package = OPTIMIZERS[optimizer].package
    if package is not None and find_spec(package) is None:
        return f"{optimizer} needs {package}: pip install 'mutransfer[optimizers]'"
    if package is not None and not torch_only:
        return None
    torch_class = optimizer_spec(optimizer).torch_class()
    if torch_class is not None:
        package = torch_class.__module__.partition(".")[0]
        own = is_own(optimizer)
        if not torch_only or (package == "torch" and not own):
            return None
        if own:
            return f"its file makes optimizers that have a name here, not {optimizer}"
    version = torch.__version__.partition("+")[0]
    return f"torch {version} has no {optimizer}: the plan gives its numbers only"


def trainable_optimizers() -> tuple[str, ...]:
    """The names of all optimizers that proxies can be trained with."""
    return tuple(name for name in OPTIMIZERS.names if untrainable_reason(name) is None)


def optimizers_over(plan: PlanData, parameters: Mapping[str, Tensor]) -> list[Optimizer]:
    """Create the plan's optimizers for `parameters`, which are keyed by name.

    Raises:
        InputError: The plan's optimizer has no class here.
    """
    reason = untrainable_reason(plan.optimizer)
    if reason is not None:
        raise InputError(f"plan: {reason}; use plan.param_groups(model) with your own")
    optimizers = []
    for kind in optimizer_kinds(plan):
        groups = groups_trained_by(plan, parameters, kind)
        if groups:
            make: Any = optimizer_class(kind)
            optimizers.append(make(groups))
    return optimizers
