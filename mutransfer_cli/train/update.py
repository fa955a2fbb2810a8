"""The optimizer step of stacked trials, each with its own rates, decays, betas and epsilons.

Adam, AdamW and SGD take torch's fused kernels, trial by trial, on a CPU (one pass over memory);
elsewhere, and for Lion and Muon, a few operations act on all trials at once. What has no such way
(Adafactor) steps with torch's own optimizer, trial by trial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.rules.apply import kinds_of, made_of
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.train.fused import FUSED, Fused
from mutransfer_cli.train.together import TOGETHER, Muon

Tensors = Mapping[str, Tensor]


class Update(Protocol):
    """Steps parameters (K, …) in place."""

    def step(self, gradients: Tensors, shares: Sequence[float]) -> None:
        """gradients: contiguous; shares: of each trial's peak learning rate."""
        ...

    def keep(self, trials: Sequence[int], parameters: Tensors) -> None:
        """Leave all other trials out; parameters: those of the trials that stay."""
        ...


class Own:
    """Torch's own optimizers on views of the stacked parameters, trial by trial."""

    def __init__(self, plans: Sequence[Plan], names: Sequence[str], parameters: Tensors) -> None:
        self.names = list(names)
        self.trials: list[dict[str, nn.Parameter]] = []
        self.optimizers: list[list[Optimizer]] = []
        self.peaks: list[list[float]] = []
        for k, plan in enumerate(plans):
            views = {n: nn.Parameter(t[k].detach()) for n, t in parameters.items()}
            optimizers = made_of(plan, views)
            self.trials.append(views)
            self.optimizers.append(optimizers)
            self.peaks.append([g["lr"] for o in optimizers for g in o.param_groups])

    def step(self, gradients: Tensors, shares: Sequence[float]) -> None:
        for k, (views, optimizers) in enumerate(zip(self.trials, self.optimizers, strict=True)):
            groups = [g for o in optimizers for g in o.param_groups]
            for group, peak in zip(groups, self.peaks[k], strict=True):
                group["lr"] = peak * shares[k]
            for name in self.names:
                views[name].grad = gradients[name][k]
            for optimizer in optimizers:
                optimizer.step()

    def keep(self, trials: Sequence[int], parameters: Tensors) -> None:
        self.trials = [self.trials[k] for k in trials]
        self.optimizers = [self.optimizers[k] for k in trials]
        self.peaks = [self.peaks[k] for k in trials]
        for k, views in enumerate(self.trials):
            for name in self.names:
                views[name].data = parameters[name][k]


def updates(plans: Sequence[Plan], parameters: Tensors) -> list[Update]:
    """What steps the parameters: one for each optimizer that the plans name."""
    made: list[Update] = []
    device = next(iter(parameters.values())).device.type
    kinds = kinds_of(plans[0])
    names = {k: [n for n in parameters if kind_of(plans[0], n) == k] for k in kinds}
    if any(k not in FUSED and k not in TOGETHER and k != "muon" for k in kinds):
        return [Own(plans, list(parameters), parameters)]
    for kind, of in names.items():
        if not of:
            continue
        if kind == "muon":
            made.append(Muon(plans, of, parameters))
        elif kind in FUSED and device == "cpu":
            made.append(Fused(kind, plans, of, parameters))
        else:
            made.append(TOGETHER[kind](plans, of, parameters))
    return made


def kind_of(plan: Plan, name: str) -> str:
    """The optimizer that trains a tensor."""
    return plan.tensor(name).optimizer or plan.optimizer


def clip_(gradients: Tensors, thresholds: Sequence[float | None]) -> None:
    """Each trial's global gradient norm brought below its own threshold, as torch does it."""
    if all(t is None for t in thresholds):
        return
    values = list(gradients.values())
    norms = torch.stack([torch.linalg.vector_norm(g.flatten(1), dim=1) for g in values])
    norm = torch.linalg.vector_norm(norms, dim=0)
    limits = [float("inf") if t is None else t for t in thresholds]
    limit = torch.tensor(limits, dtype=norm.dtype, device=norm.device)
    factor = torch.where(limit.isinf(), 1.0, (limit / (norm + 1e-6)).clamp(max=1.0))
    for g in values:
        g.mul_(factor.view(-1, *[1] * (g.dim() - 1)))
