"""The optimizer step of stacked trials, each with its own rates, decays, betas and epsilons.

Adam, AdamW and SGD take torch's fused kernels, trial by trial, on a CPU (one pass over memory);
elsewhere, and for Lion and Muon, a few operations act on all trials at once. What has no such way
(Adafactor) steps with torch's own optimizer, trial by trial.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.plans.param_groups import group_options, optimizer_kinds, optimizers_over
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.batched_optimizers.fused import FUSED, Fused
from mutransfer_cli.train.batched_optimizers.muon import Muon
from mutransfer_cli.train.batched_optimizers.vectorized import TOGETHER
from mutransfer_cli.train.population.flat_params import Layout


class Update(Protocol):
    """Steps the rows of parameters in place, by the rows of gradients that it was made with.

    static: `move` is the same from step to step, with numbers and tensors where they were.
    """

    static: bool

    def set(self, shares: Sequence[float]) -> None:
        """What a step needs that changes; shares: of each trial's peak learning rate."""
        ...

    def move(self) -> None:
        """The step; `set` was called before."""
        ...

    def keep(self, trials: Sequence[int], rows: Tensor, gradients: Tensor) -> None:
        """Leave all other trials out; rows and gradients: those of the trials that stay."""
        ...

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        ...

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        """trials: the places of these trials among those of the state."""
        ...


class PerTrialOptimizer:
    """Torch's own optimizers on views of the rows, trial by trial."""

    static = False

    def __init__(
        self, plans: Sequence[Plan], layout: Layout, rows: Tensor, gradients: Tensor
    ) -> None:
        self.layout = layout
        self.trials: list[dict[str, nn.Parameter]] = []
        self.optimizers: list[list[Optimizer]] = []
        self.peaks: list[list[float]] = []
        for plan in plans:
            views = {n: nn.Parameter(torch.empty(s)) for n, s in layout.shapes.items()}
            optimizers = optimizers_over(plan, views)
            self.trials.append(views)
            self.optimizers.append(optimizers)
            self.peaks.append([g["lr"] for o in optimizers for g in o.param_groups])
        self._set(rows, gradients)

    def _set(self, rows: Tensor, gradients: Tensor) -> None:
        values, slopes = self.layout.views(rows), self.layout.views(gradients)
        for k, views in enumerate(self.trials):
            for name, p in views.items():
                p.data, p.grad = values[name][k], None
                p.grad = slopes[name][k]

    def set(self, shares: Sequence[float]) -> None:
        for optimizers, peaks, share in zip(self.optimizers, self.peaks, shares, strict=True):
            groups = [g for o in optimizers for g in o.param_groups]
            for group, peak in zip(groups, peaks, strict=True):
                group["lr"] = peak * share

    def move(self) -> None:
        for optimizers in self.optimizers:
            for optimizer in optimizers:
                optimizer.step()

    def keep(self, trials: Sequence[int], rows: Tensor, gradients: Tensor) -> None:
        self.trials = [self.trials[k] for k in trials]
        self.optimizers = [self.optimizers[k] for k in trials]
        self.peaks = [self.peaks[k] for k in trials]
        self._set(rows, gradients)

    def state(self) -> dict[str, Any]:
        return {"trials": [[o.state_dict() for o in of] for of in self.optimizers]}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        for optimizers, k in zip(self.optimizers, trials, strict=True):
            for optimizer, kept in zip(optimizers, state["trials"][k], strict=True):
                optimizer.load_state_dict(kept)


def updates(plans: Sequence[Plan], layout: Layout, rows: Tensor, gradients: Tensor) -> list[Update]:
    """What steps the parameters: one for each optimizer that the plans name."""
    made: list[Update] = []
    kinds = optimizer_kinds(plans[0])
    if any(k not in FUSED and k not in TOGETHER and k != "muon" for k in kinds):
        return [PerTrialOptimizer(plans, layout, rows, gradients)]
    for kind in kinds:
        of = [n for n in layout.names if kind_of(plans[0], n) == kind]
        if not of:
            continue
        if kind == "muon":
            made.append(Muon(plans, of, layout, rows, gradients))
        elif kind in FUSED and rows.device.type == "cpu":
            made.append(Fused(kind, plans, of, layout, rows, gradients))
        else:
            made.append(TOGETHER[kind](plans, of, layout, rows, gradients))
    return made


def kind_of(plan: Plan, name: str) -> str:
    """The optimizer that trains a tensor."""
    return plan.tensor(name).optimizer or plan.optimizer


def alike(plan: Plan, names: Sequence[str]) -> dict[str, Hashable]:
    """What tensors have in common that lie side by side in a row: optimizer, and its numbers."""

    def numbers(name: str) -> tuple[Any, ...]:
        return tuple(group_options(plan, plan.tensor(name)).values())

    kinds = {k: i for i, k in enumerate(dict.fromkeys(kind_of(plan, n) for n in names))}
    ordered = sorted(names, key=lambda n: kinds[kind_of(plan, n)])
    return {n: (kind_of(plan, n), numbers(n)) for n in ordered}
