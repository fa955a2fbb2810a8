"""Steps trial by trial with torch's own optimizers, for those without a batched step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.plans.param_groups import optimizers_over
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.flat_params import Layout
from mutransfer_cli.train.torch_optimizers import PeakRates, evaluating


class PerTrialOptimizer:
    """Torch's optimizers over views of the parameters, one after another."""

    static = False
    tolerance: float | None = None

    def __init__(
        self, plans: Sequence[Plan], layout: Layout, params: Tensor, grads: Tensor
    ) -> None:
        """Make the optimizers of every trial.

        Args:
            plans: Plan of each trial (K,).
            layout: Which columns belong to which tensor.
            params: Parameters (K, numbers).
            grads: Gradients (K, numbers).
        """
        self.layout = layout
        self.trials: list[dict[str, nn.Parameter]] = []
        self.optimizers: list[list[Optimizer]] = []
        for plan in plans:
            views = {n: nn.Parameter(torch.empty(s)) for n, s in layout.shapes.items()}
            self.trials.append(views)
            self.optimizers.append(optimizers_over(plan, views))
        self.rates = [PeakRates(optimizers) for optimizers in self.optimizers]
        self._set(params, grads)

    def _set(self, params: Tensor, grads: Tensor) -> None:
        values, gradients = self.layout.views(params), self.layout.views(grads)
        for k, views in enumerate(self.trials):
            for name, p in views.items():
                p.data, p.grad = values[name][k], None
                p.grad = gradients[name][k]

    def prepare(self, lr_factors: Sequence[float]) -> None:
        """Set the learning rates of all trials."""
        for rates, factor in zip(self.rates, lr_factors, strict=True):
            rates.scale(factor)

    def step(self) -> None:
        """Step every optimizer of every trial."""
        for optimizers in self.optimizers:
            for optimizer in optimizers:
                optimizer.step()

    def evaluating(self) -> AbstractContextManager[None]:
        """Keep the results of training in the parameters; see `torch_optimizers.evaluating`."""
        return evaluating([o for of in self.optimizers for o in of])

    def select(self, trials: Sequence[int], params: Tensor, grads: Tensor) -> None:
        """Keep only these trials; see `BatchedOptimizer.select`."""
        self.trials = [self.trials[k] for k in trials]
        self.optimizers = [self.optimizers[k] for k in trials]
        self.rates = [self.rates[k] for k in trials]
        self._set(params, grads)

    def state(self) -> dict[str, Any]:
        """The states of torch's optimizers."""
        return {"trials": [[o.state_dict() for o in of] for of in self.optimizers]}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """Restore a state; see `BatchedOptimizer.restore`."""
        for optimizers, k in zip(self.optimizers, trials, strict=True):
            for optimizer, saved in zip(optimizers, state["trials"][k], strict=True):
                optimizer.load_state_dict(saved)
