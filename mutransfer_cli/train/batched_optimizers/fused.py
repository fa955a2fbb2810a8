"""Applies torch's fused kernels to the parameters of each trial, on a CPU.

A kernel makes one pass over parameters, gradients and moments, and is several times faster than
operations on all trials at once, which make ten. Kernels ignore strides, so tensors must be
contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout
from mutransfer_cli.train.batched_optimizers.protocol import BatchedOptimizer, MakeBatchedOptimizer

Call = Callable[..., None]


@dataclass(frozen=True, slots=True)
class ParamGroup:
    """Columns of one trial that have the same options."""

    options: dict[str, Any]
    params: list[Tensor]
    grads: list[Tensor]
    moments: list[list[Tensor]]


@dataclass(frozen=True, slots=True)
class FusedKernel:
    """A fused kernel of torch.

    Attributes:
        moment_count: How many moments it keeps.
        bind: Called with a group and the number of steps; returns the kernel bound to them, which
            takes `lr`.
        takes_first_step: Whether the call also takes `is_first_step`.
    """

    moment_count: int
    bind: Callable[[ParamGroup, Tensor], Call]
    takes_first_step: bool = False


@dataclass(frozen=True, slots=True)
class FusedOrVectorized:
    """Makes an optimizer with a fused kernel where torch has it, else a vectorized one.

    Attributes:
        kernel: The fused kernel, which steps one trial.
        vectorized: Makes the optimizer that steps all trials at once.
    """

    kernel: FusedKernel
    vectorized: MakeBatchedOptimizer

    def __call__(
        self,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        params: Tensor,
        grads: Tensor,
    ) -> BatchedOptimizer:
        """Make the faster of the two on the device of the parameters.

        Args:
            plans: Plan of each trial (K,).
            names: The tensors that are trained.
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers).
        """
        if prefers_fused(params.device):
            return FusedOptimizer(self.kernel, plans, names, layout, params, grads)
        return self.vectorized(plans, names, layout, params, grads)


def prefers_fused(device: torch.device) -> bool:
    """Whether a kernel call for each trial is faster than operations on all of them."""
    return device.type == "cpu"


class FusedOptimizer:
    """Calls a fused kernel for each trial and each group of its tensors."""

    static = False
    tolerance: float | None = None

    def __init__(
        self,
        kernel: FusedKernel,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        params: Tensor,
        grads: Tensor,
    ) -> None:
        """Make the optimizer.

        Args:
            kernel: The kernel, which steps one trial.
            plans: Plan of each trial (K,).
            names: The tensors that are trained.
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers).
        """
        self.kernel, self.plans, self.names, self.layout = kernel, list(plans), list(names), layout
        low, high = layout.within(names)
        self.moments = [
            params.new_zeros(len(params), high - low) for _ in range(kernel.moment_count)
        ]
        self.count = torch.zeros((), device=params.device)
        self._set(params, grads)

    def _set(self, params: Tensor, grads: Tensor) -> None:
        """Bind the kernel of each trial; neighbors with the same options are one tensor."""
        first, _ = self.layout.within(self.names)
        self.calls: list[list[tuple[Call, float]]] = []
        for k, plan in enumerate(self.plans):
            tensors = {t.name: t for t in plan.tensors}
            options = {n: group_options(plan, tensors[n]) for n in self.names}
            keys = {n: tuple(o.values()) for n, o in options.items()}
            groups: dict[tuple[Any, ...], ParamGroup] = {}
            for name, (low, high) in self.layout.runs(self.names, keys):
                group = groups.setdefault(
                    keys[name], ParamGroup(options[name], [], [], [[] for _ in self.moments])
                )
                group.params.append(params[k, low:high])
                group.grads.append(grads[k, low:high])
                for views, moment in zip(group.moments, self.moments, strict=True):
                    views.append(moment[k, low - first : high - first])
            self.calls.append(
                [(self.kernel.bind(g, self.count), g.options["lr"]) for g in groups.values()]
            )

    def prepare(self, lr_factors: Sequence[float]) -> None:
        """Count the step, and store the factors of the learning rates."""
        self.count += 1
        self.lr_factors = list(lr_factors)

    @torch.no_grad()
    def step(self) -> None:
        """Call the kernels."""
        first_step = self.kernel.takes_first_step
        more = {"is_first_step": float(self.count) == 1} if first_step else {}
        for calls, factor in zip(self.calls, self.lr_factors, strict=True):
            for call, peak in calls:
                call(lr=peak * factor, **more)

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Keep only these trials; see `BatchedOptimizer.select`."""
        self.plans = [self.plans[k] for k in trials]
        self.moments = [m.index_select(0, torch.tensor(trials)) for m in self.moments]
        self._set(params, grads)

    def state(self) -> dict[str, Any]:
        """Moments and the number of steps."""
        return {"moments": self.moments, "count": self.count}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """Restore a state; see `BatchedOptimizer.restore`."""
        self.count.copy_(state["count"])
        for moment, saved in zip(self.moments, state["moments"], strict=True):
            moment.copy_(saved[list(trials)])
