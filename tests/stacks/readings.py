"""What a built stack trains each tensor with, and what the plan wants, in the same form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt

from torch import Tensor, nn

from tests.helpers.emit_readers import kind
from tests.stacks.built import BuiltStack, Emitted, GroupNumbers


@dataclass(frozen=True)
class Reading:
    """One tensor's numbers.

    Attributes:
        lr: Learning rate at the peak.
        weight_decay: Decoupled decay: a step shrinks weights by the share lr × weight_decay.
        eps: Epsilon; None: the optimizer has none.
        rms: Root mean square of the entries at init.
        multiplier: Product of what multiplies the tensor's output.
        entries: Number of entries, from which the accuracy of a measured `rms` follows.
    """

    lr: float
    weight_decay: float
    eps: float | None
    rms: float
    multiplier: float
    entries: int


def rms(values: Tensor) -> float:
    """Root mean square of all entries."""
    return float(values.detach().double().square().mean().sqrt())


def forward_multiplier(emitted: Emitted, name: str, role: str) -> float:
    """What the plan multiplies a tensor's output by."""
    forward, part = emitted.plan.forward, kind(name)
    if part == "embedding" or role == "tied":
        value = forward.get("embedding_scale")
    elif part == "readout":
        value = forward.get("logit_scale")
    elif re.search(r"attention\.out|mlp\.down|o_proj|down_proj", name):
        value = forward.get("residual_scale")
    else:
        value = None
    own = emitted.plan.tensor(name).multiplier
    return own if value is None else own * value


def planned_readings(emitted: Emitted, initialized: nn.Module) -> dict[str, Reading]:
    """The plan's numbers; a tensor that keeps the model's own init is measured on the model."""
    parameters = dict(initialized.named_parameters())
    return {
        t.name: Reading(
            lr=t.lr,
            weight_decay=t.weight_decay,
            eps=t.eps,
            rms=rms(parameters[t.name]) if t.init_std is None else t.init_std,
            multiplier=forward_multiplier(emitted, t.name, t.role),
            # a model's own init was measured on the base model
            entries=prod(t.base_shape if t.init == "rescale" else t.shape),
        )
        for t in emitted.plan.tensors
    }


def group_numbers(stack: BuiltStack) -> Mapping[str, GroupNumbers]:
    """By parameter: the numbers of its group, at the peak of the schedule."""
    if stack.numbers is not None:
        return stack.numbers
    names = {id(parameter): name for name, parameter in stack.model.named_parameters()}
    found: dict[str, GroupNumbers] = {}
    for optimizer in stack.optimizers:
        for group in optimizer.param_groups:
            numbers = GroupNumbers(
                float(group.get("initial_lr", group["lr"])),
                float(group.get("weight_decay", 0.0)),
                None if group.get("eps") is None else float(group["eps"]),
            )
            for parameter in group["params"]:
                if names[id(parameter)] in found:
                    raise AssertionError(f"{names[id(parameter)]} is in two groups")
                found[names[id(parameter)]] = numbers
    return found


def stack_readings(stack: BuiltStack) -> dict[str, list[Reading]]:
    """The stack's numbers, by tensor of the plan: one reading for each piece."""
    parameters, numbers = dict(stack.model.named_parameters()), group_numbers(stack)
    found: dict[str, list[Reading]] = {}
    for piece in stack.pieces:
        values, group = piece.of_stack(parameters), numbers[piece.parameter]
        reading = Reading(
            group.lr,
            group.weight_decay,
            group.eps,
            rms(values),
            stack.multipliers.get(piece.name, 1.0),
            values.numel(),
        )
        found.setdefault(piece.name, []).append(reading)
    return found


def sampling_tolerance(*readings: Reading) -> float:
    """Five standard errors of a standard deviation that was measured on a tensor's entries."""
    return 5 * sqrt(sum(1 / (2 * r.entries) for r in readings))
