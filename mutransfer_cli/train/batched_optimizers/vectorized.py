"""Base class of optimizers that step all trials at once with a few operations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout, padded

Number = float | Tensor


class VectorizedOptimizer:
    """Holds the hyperparameters and moments of all trials; subclasses implement `step`.

    Hyperparameters are floats if all trials and tensors share them, else tensors of shape (K, 1),
    or (K, columns) if tensors differ. Numbers that change from step to step are in one tensor on
    the device, which `prepare` fills, so that `step` can be captured once and replayed.
    """

    static = True
    tolerance: float | None = None
    moment_count = 1

    def __init__(
        self,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        params: Tensor,
        grads: Tensor,
    ) -> None:
        """Make the optimizer; see `protocol.MakeBatchedOptimizer`.

        Args:
            plans: Plan of each trial (K,).
            names: The tensors that are trained.
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers).
        """
        self.names = sorted(names, key=lambda n: layout.starts[n])
        self.layout = layout
        self.steps = 0
        tensors = [{t.name: t for t in plan.tensors} for plan in plans]
        options = [
            [self.options_of(plan, by_name[n]) for n in self.names]
            for plan, by_name in zip(plans, tensors, strict=True)
        ]
        first = options[0][0]
        self.hyperparameters: dict[str, Tensor] = {}  # (K, tensors)
        for key, value in first.items():
            if isinstance(value, float):
                self.hyperparameters[key] = _table([[o[key] for o in row] for row in options])
        if "betas" in first:
            for i, key in enumerate(("beta1", "beta2")):
                self.hyperparameters[key] = _table([[o["betas"][i] for o in r] for r in options])
        self.nesterov = bool(first.get("nesterov", False))
        low, high = layout.within(names)
        self.moments = [params.new_zeros(len(params), high - low) for _ in range(self.moment_count)]
        self._set(params, grads)

    def options_of(self, plan: Plan, tensor: TensorPlan) -> dict[str, Any]:
        """The options of one tensor in one trial."""
        return group_options(plan, tensor)

    def _set(self, params: Tensor, grads: Tensor) -> None:
        low, high = self.layout.within(self.names)
        table = self.hyperparameters
        self.params, self.grads = params[:, low:high], grads[:, low:high]
        self.numbers = {key: self.broadcastable(values) for key, values in table.items()}
        self.complements = {
            key: self.broadcastable(1 - table[key])
            for key in table.keys() - {"lr", "weight_decay", "eps"}
        }
        self.lr_times_decay = self.broadcastable(table["lr"] * table["weight_decay"])
        self.decays = bool((table["weight_decay"] != 0).any())
        count = len(self.varying_numbers([1.0] * len(params)))
        self.varying = self.params.new_zeros(count, len(params), 1)
        self.lr_factor = self.varying[0]

    def broadcastable(self, table: Tensor) -> Number:
        """Hyperparameters (K, tensors) in a form that broadcasts with the parameters."""
        if bool((table == table[0, 0]).all()):
            return float(table[0, 0])
        like = self.params
        if bool((table == table[:, :1]).all()):
            return table[:, :1].to(like.device, like.dtype)
        columns = torch.tensor([padded(prod(self.layout.shapes[n])) for n in self.names])
        return table.repeat_interleave(columns, 1).to(like.device, like.dtype)

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Keep only these trials; see `BatchedOptimizer.select`."""
        index = torch.tensor(trials)
        self.hyperparameters = {key: t[index] for key, t in self.hyperparameters.items()}
        self.moments = [m.index_select(0, index.to(m.device)) for m in self.moments]
        self._set(params, grads)

    def state(self) -> dict[str, Any]:
        """Moments and the number of steps."""
        return {"moments": self.moments, "steps": self.steps}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """Restore a state; see `BatchedOptimizer.restore`."""
        self.steps = state["steps"]
        for moment, saved in zip(self.moments, state["moments"], strict=True):
            moment.copy_(saved[list(trials)])

    def decay_params(self) -> None:
        """θ ← (1 - lr λ) θ."""
        if self.decays:
            self.params.mul_(1 - self.lr_times_decay * self.lr_factor)

    def grads_with_decay(self) -> Tensor:
        """Return g + λ θ."""
        if not self.decays:
            return self.grads
        return self.params * self.numbers["weight_decay"] + self.grads

    def varying_numbers(self, lr_factors: Sequence[float]) -> list[Tensor]:
        """Numbers (K,) that change from step to step, the learning-rate factors first."""
        return [torch.tensor(lr_factors, dtype=torch.float64)]

    def prepare(self, lr_factors: Sequence[float]) -> None:
        """Write the numbers that change from step to step to the device."""
        self.steps += 1
        numbers = torch.stack(self.varying_numbers(lr_factors))[:, :, None]
        self.varying.copy_(numbers.to(self.varying.dtype), non_blocking=True)

    def step(self) -> None:
        """Update the parameters."""
        raise NotImplementedError


def _table(numbers: list[list[float]]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def interpolated(moment: Tensor, grads: Tensor, weight: Number) -> Tensor:
    """Return moment + weight (grads - moment); torch.lerp takes no mixed shapes."""
    if isinstance(weight, float):
        return torch.lerp(moment, grads, weight)
    return torch.addcmul(moment, grads - moment, weight)


def interpolate_(moment: Tensor, grads: Tensor, weight: Number) -> None:
    """Replace moment by moment + weight (grads - moment)."""
    if isinstance(weight, float):
        moment.lerp_(grads, weight)
    else:
        moment.addcmul_(grads - moment, weight)
