"""Ensures that an optimizer trains every tensor, with learning rates in the ratios of the plan.

A schedule may multiply every learning rate by the same number (LambdaLR, LinearLR,
CosineAnnealingLR to 0). One that sets learning rates instead (OneCycleLR, one floor for all groups,
`group["lr"] = x`) overwrites the rate that each tensor needs and would silently train with wrong
ratios; therefore it is an error. So is a tensor that was frozen when the optimizer was created and
is not any more: torch would never update it.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.hooks import RemovableHandle

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.param_groups import group_options
from mutransfer_cli.plans.types import PlanData

HANDLES: WeakKeyDictionary[Optimizer, RemovableHandle] = WeakKeyDictionary()
RATIO_TOLERANCE = 1e-6  # relative; float32 rates, and products of many factors, stay far below
RELATIVE = "a schedule that multiplies every group's rate by the same factor"


@dataclass(frozen=True, slots=True)
class LrRatioGuard:
    """A hook that compares an optimizer's learning rates with the plan's before every step.

    Attributes:
        planned: Name and planned learning rate of each parameter, by its id.
        frozen: Parameters by name that no optimizer of the plan trains.
        optimizers: The plan's optimizers.
    """

    planned: dict[int, tuple[str, float]]
    frozen: Mapping[str, nn.Parameter] = field(default_factory=dict)
    optimizers: WeakSet[Optimizer] = field(default_factory=WeakSet)

    def __call__(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Compare before a step; torch passes the step's arguments.

        Raises:
            InputError: A tensor that no optimizer trains is no longer frozen, or the ratios of
                learning rates are not the plan's.
        """
        if any(p.requires_grad for p in self.frozen.values()):
            require_all_trained(self.frozen, self.optimizers)
        self.compare([optimizer])

    def compare(self, optimizers: Sequence[Any]) -> None:
        """Compare the learning rates of all groups, up to one common factor.

        Raises:
            InputError: The ratios are not the plan's; the message names two tensors and the
                scheduler.
        """
        lrs = {}
        for group in (g for o in optimizers for g in o.param_groups):
            for p in group["params"]:
                if id(p) in self.planned:
                    name, planned = self.planned[id(p)]
                    lrs[name] = (float(group["lr"]), planned)
        if not lrs:
            return
        factors = {name: lr / planned for name, (lr, planned) in lrs.items()}
        most, least = max(factors, key=factors.__getitem__), min(factors, key=factors.__getitem__)
        if factors[most] - factors[least] <= RATIO_TOLERANCE * factors[most]:
            return
        (most_lr, most_planned), (least_lr, least_planned) = lrs[most], lrs[least]
        raise InputError(
            f"plan: {most} has the rate {most_lr:.6g} and {least} {least_lr:.6g}, planned "
            f"{most_planned:.6g} and {least_planned:.6g}: {offending_scheduler(optimizers)}"
        )


def offending_scheduler(optimizers: Sequence[Any]) -> str:
    """What set the learning rates, if the garbage collector knows a scheduler, and the remedy."""
    remedy = f"use {RELATIVE}, such as LambdaLR with one function"
    for candidate in gc.get_objects():
        # not isinstance, which would load lazy objects of other libraries
        if not issubclass(type(candidate), LRScheduler) or not any(
            candidate.optimizer is o for o in optimizers
        ):
            continue
        name = type(candidate).__name__
        functions = getattr(candidate, "lr_lambdas", None)  # of LambdaLR and MultiplicativeLR
        if functions is None:
            return f"{name} sets rates of its own; {remedy}"
        if len({id(function) for function in functions}) > 1:
            return f"{name} has a function for each group; give it one function for all groups"
    return f"something set them; use {RELATIVE}"


def guard_for(plan: PlanData, parameters: Mapping[str, nn.Parameter]) -> LrRatioGuard:
    """The guard for a plan and the model's parameters, which are keyed by the plan's names."""
    return LrRatioGuard(
        {id(parameters[t.name]): (t.name, group_options(plan, t)["lr"]) for t in plan.tensors}
    )


def attach_guards(
    plan: PlanData, parameters: Mapping[str, nn.Parameter], optimizers: Sequence[Optimizer]
) -> None:
    """Compare the optimizers' learning rates with the plan's before every step."""
    frozen = {name: p for name, p in parameters.items() if not p.requires_grad}
    guard = replace(guard_for(plan, parameters), frozen=frozen, optimizers=WeakSet(optimizers))
    for optimizer in optimizers:
        # keeps a compiled step from compiling the hook
        hook = torch.compiler.disable(guard)  # type: ignore[no-untyped-call]  # torch has no type for it
        HANDLES[optimizer] = optimizer.register_step_pre_hook(hook)


def require_all_trained(parameters: Mapping[str, nn.Parameter], optimizers: Iterable[Any]) -> None:
    """Require that every parameter that gets a gradient is in a group of an optimizer.

    Raises:
        InputError: One is in none.
    """
    held = {id(p) for o in optimizers for g in o.param_groups for p in g["params"]}
    for name, p in parameters.items():
        if p.requires_grad and id(p) not in held:
            raise InputError(
                f"plan: {name} is in no group of the optimizer: it is not trained; set its "
                "requires_grad before the optimizer is created, or freeze it again"
            )


def remove_guard(optimizer: Any) -> None:
    """Stop comparing, for code that changes learning rates on purpose."""
    handle = HANDLES.pop(optimizer, None) if isinstance(optimizer, Optimizer) else None
    if handle is not None:
        handle.remove()


def verify(
    plan: PlanData, parameters: Mapping[str, nn.Parameter], optimizers: Iterable[Any]
) -> None:
    """Check that optimizers follow the plan; see `Plan.verify`.

    Raises:
        InputError: No optimizer has a parameter, or the ratios of learning rates are not the
            plan's.
    """
    checked = list(optimizers)
    require_all_trained(parameters, checked)
    guard_for(plan, parameters).compare(checked)
