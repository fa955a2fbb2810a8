"""Adam, AdamW and SGD on a CPU: torch's fused kernels on the trials' rows.

One pass over parameters, gradients and moments; several times faster than operations on all rows,
which make ten. The kernels ignore strides: what they are given is contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.train.population.flat_params import Layout

FUSED = frozenset({"adam", "adamw", "sgd"})
MOMENTS = {"adam": 2, "adamw": 2, "sgd": 1}


@dataclass(frozen=True, slots=True)
class Group:
    """Columns of one trial that have the same numbers."""

    options: dict[str, Any]
    parameters: list[Tensor]
    gradients: list[Tensor]
    moments: list[list[Tensor]]

    def call(self, kind: str, count: Tensor) -> Callable[..., None]:
        """The kernel, but for what changes from step to step."""
        o = self.options
        if kind == "sgd":
            return partial(
                torch._fused_sgd_,
                self.parameters,
                self.gradients,
                self.moments[0] if o["momentum"] != 0 else [],
                weight_decay=o["weight_decay"],
                momentum=o["momentum"],
                dampening=0.0,
                nesterov=o["nesterov"],
                maximize=False,
            )
        return partial(
            torch._fused_adamw_ if kind == "adamw" else torch._fused_adam_,
            self.parameters,
            self.gradients,
            *self.moments,
            [],
            [count] * len(self.parameters),
            beta1=o["betas"][0],
            beta2=o["betas"][1],
            weight_decay=o["weight_decay"],
            eps=o["eps"],
            amsgrad=False,
            maximize=False,
        )


class Fused:
    static = False

    def __init__(
        self,
        kind: str,
        plans: Sequence[Plan],
        names: Sequence[str],
        layout: Layout,
        rows: Tensor,
        gradients: Tensor,
    ) -> None:
        self.kind, self.plans, self.names, self.layout = kind, list(plans), list(names), layout
        low, high = layout.within(names)
        self.moments = [rows.new_zeros(len(rows), high - low) for _ in range(MOMENTS[kind])]
        self.count = torch.zeros((), device=rows.device)
        self._set(rows, gradients)

    def _set(self, rows: Tensor, gradients: Tensor) -> None:
        """Each trial's groups: neighbours with the same options as one."""
        first, _ = self.layout.within(self.names)
        self.calls: list[list[tuple[Callable[..., None], float]]] = []
        for k, plan in enumerate(self.plans):
            lines = {t.name: t for t in plan.tensors}
            options = {n: group_options(plan, lines[n]) for n in self.names}
            alike: dict[tuple[Any, ...], Group] = {}
            values = {n: tuple(o.values()) for n, o in options.items()}
            for name, (low, high) in self.layout.runs(self.names, values):
                group = alike.setdefault(
                    values[name], Group(options[name], [], [], [[] for _ in self.moments])
                )
                group.parameters.append(rows[k, low:high])
                group.gradients.append(gradients[k, low:high])
                for views, moment in zip(group.moments, self.moments, strict=True):
                    views.append(moment[k, low - first : high - first])
            self.calls.append(
                [(g.call(self.kind, self.count), g.options["lr"]) for g in alike.values()]
            )

    def set(self, shares: Sequence[float]) -> None:
        self.count += 1
        self.shares = list(shares)

    @torch.no_grad()
    def move(self) -> None:
        first = {"is_first_step": float(self.count) == 1} if self.kind == "sgd" else {}
        for calls, share in zip(self.calls, self.shares, strict=True):
            for call, peak in calls:
                call(lr=peak * share, **first)

    def keep(self, trials: Sequence[int], rows: Tensor, gradients: Tensor) -> None:
        self.plans = [self.plans[k] for k in trials]
        self.moments = [m.index_select(0, torch.tensor(trials)) for m in self.moments]
        self._set(rows, gradients)

    def state(self) -> dict[str, Any]:
        return {"moments": self.moments, "count": self.count}

    def restore(self, state: dict[str, Any], trials: Sequence[int]) -> None:
        self.count.copy_(state["count"])
        for moment, kept in zip(self.moments, state["moments"], strict=True):
            moment.copy_(kept[list(trials)])
