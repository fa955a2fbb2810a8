"""Adam, AdamW and SGD on a CPU: torch's fused kernels on each trial's views of the stack.

One pass over parameters, gradients and moments; several times faster than operations on the whole
stack, which make ten. The kernels ignore strides: what they are given is contiguous.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.rules.apply import options_of
from mutransfer_cli.rules.plan import Plan

Tensors = Mapping[str, Tensor]
FUSED = frozenset({"adam", "adamw", "sgd"})
MOMENTS = {"adam": 2, "adamw": 2, "sgd": 1}


@dataclass
class Group:
    """Tensors of one trial that have the same numbers."""

    trial: int
    names: list[str]
    options: dict[str, Any]
    views: list[list[Tensor]]  # parameters, then the moments


class Fused:
    def __init__(
        self, kind: str, plans: Sequence[Plan], names: Sequence[str], parameters: Tensors
    ) -> None:
        self.kind = kind
        self.plans = list(plans)
        self.names = list(names)
        self.moments = [
            {n: torch.zeros_like(parameters[n]) for n in names} for _ in range(MOMENTS[kind])
        ]
        self.count = torch.zeros((), device=next(iter(parameters.values())).device)
        self.groups = self._views(parameters)

    def _views(self, parameters: Tensors) -> list[Group]:
        groups: list[Group] = []
        for k, plan in enumerate(self.plans):
            lines = {t.name: t for t in plan.tensors}
            alike: dict[tuple[Any, ...], Group] = {}
            for name in self.names:
                options = options_of(plan, lines[name])
                group = alike.setdefault(
                    tuple(options.values()),
                    Group(k, [], options, [[] for _ in range(1 + len(self.moments))]),
                )
                group.names.append(name)
                for views, tensors in zip(group.views, (parameters, *self.moments), strict=True):
                    views.append(tensors[name][k])
            groups += alike.values()
        return groups

    @torch.no_grad()
    def step(self, gradients: Tensors, shares: Sequence[float]) -> None:
        self.count += 1
        apart = {n: gradients[n].unbind(0) for n in self.names}
        for group in self.groups:
            found = [apart[n][group.trial] for n in group.names]
            lr = group.options["lr"] * shares[group.trial]
            if self.kind == "sgd":
                self._sgd(group, found, lr)
            else:
                self._adam(group, found, lr)

    def _adam(self, group: Group, gradients: list[Tensor], lr: float) -> None:
        options = group.options
        call = torch._fused_adamw_ if self.kind == "adamw" else torch._fused_adam_
        call(
            group.views[0],
            gradients,
            group.views[1],
            group.views[2],
            [],
            [self.count] * len(gradients),
            lr=lr,
            beta1=options["betas"][0],
            beta2=options["betas"][1],
            weight_decay=options["weight_decay"],
            eps=options["eps"],
            amsgrad=False,
            maximize=False,
        )

    def _sgd(self, group: Group, gradients: list[Tensor], lr: float) -> None:
        options = group.options
        moving = options["momentum"] != 0
        torch._fused_sgd_(
            group.views[0],
            gradients,
            group.views[1] if moving else [],
            weight_decay=options["weight_decay"],
            momentum=options["momentum"],
            lr=lr,
            dampening=0.0,
            nesterov=options["nesterov"],
            maximize=False,
            is_first_step=float(self.count) == 1,
        )

    def keep(self, trials: Sequence[int], parameters: Tensors) -> None:
        index = torch.tensor(trials)
        self.plans = [self.plans[k] for k in trials]
        self.moments = [
            {n: t.index_select(0, index) for n, t in tensors.items()} for tensors in self.moments
        ]
        self.groups = self._views(parameters)
