"""Selects the optimizers that step the parameters of a population."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from typing import Any

from torch import Tensor

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.plans.param_groups import group_options, optimizer_kinds
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout
from mutransfer_cli.train.batched_optimizers.per_trial import PerTrialOptimizer
from mutransfer_cli.train.batched_optimizers.protocol import BatchedOptimizer, MakeBatchedOptimizer

log = logging.getLogger(__name__)


def batched_optimizers(
    plans: Sequence[Plan], layout: Layout, params: Tensor, grads: Tensor
) -> list[BatchedOptimizer]:
    """Make the batched optimizers, one for each optimizer that the plans name.

    Args:
        plans: Plan of each trial (K,).
        layout: Which columns belong to which tensor.
        params: Parameters (K, numbers).
        grads: Gradients (K, numbers).
    """
    optimizers: list[BatchedOptimizer] = []
    for kind in optimizer_kinds(plans[0]):
        row = OPTIMIZERS[kind]
        if row.batched is None:
            log.debug("%s has no step for many trials: they step one after another", kind)
            return [PerTrialOptimizer(plans, layout, params, grads)]
        names = [name for name in layout.names if optimizer_name(plans[0], name) == kind]
        if names:
            make: MakeBatchedOptimizer = row.load_object(row.batched)
            optimizers.append(make(plans, names, layout, params, grads))
    return optimizers


def optimizer_name(plan: Plan, tensor: str) -> str:
    """The optimizer that trains a tensor."""
    return plan.tensor(tensor).optimizer or plan.optimizer


def neighbor_keys(plan: Plan, names: Sequence[str]) -> dict[str, Hashable]:
    """Keys that group tensors with the same optimizer and options as neighbors in a row.

    Args:
        plan: The plan of any of the trials.
        names: The tensors that are trained.

    Returns:
        A key for each tensor, in the order of the optimizers.
    """

    def options(name: str) -> tuple[Any, ...]:
        return tuple(group_options(plan, plan.tensor(name)).values())

    kinds = {k: i for i, k in enumerate(dict.fromkeys(optimizer_name(plan, n) for n in names))}
    ordered = sorted(names, key=lambda n: kinds[optimizer_name(plan, n)])
    return {n: (optimizer_name(plan, n), options(n)) for n in ordered}
