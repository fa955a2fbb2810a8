"""Learning rates of single tensors in somebody's optimizer, to plant errors and apply repairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from mutransfer_cli.coordcheck.measure.training_step import optimizer_parts
from mutransfer_cli.plans.lr_ratio_guard import remove_guard


def multiply_learning_rates(
    model: nn.Module, optimizer: Optimizer, factors: Mapping[str, float]
) -> None:
    """Give single tensors a parameter group of their own with another learning rate.

    Args:
        model: The model whose parameters the optimizer has.
        optimizer: The optimizer, which is changed in place.
        factors: Factor on the learning rate by parameter name.
    """
    names = {id(p): name for name, p in model.named_parameters()}
    for part in optimizer_parts(optimizer):
        remove_guard(part)  # a plan's optimizer would refuse such rates
        groups: list[dict[str, Any]] = []
        for group in part.param_groups:
            rest = [p for p in group["params"] if names.get(id(p)) not in factors]
            for p in group["params"]:
                if names.get(id(p)) in factors:
                    lr = group["lr"] * factors[names[id(p)]]
                    groups.append({**group, "params": [p], "lr": lr})
            group["params"] = rest
            groups.append(group)
        part.param_groups[:] = groups
