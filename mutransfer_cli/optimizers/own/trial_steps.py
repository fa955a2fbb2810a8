"""Steps of an optimizer on single tensors with a gradient that stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mutransfer_cli.errors import described
from mutransfer_cli.optimizers.own.trial_update import trial_gradient

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]

RATE = 2.0**-10
STEPS = 12  # the last half is measured: some optimizers warm up over their first steps
SIDE = 32  # of the matrices
TINY = 1e-6  # change of a gradient relative to its entries: some ten times its rounding errors


class NoRest(ValueError):
    """Steps without a gradient raise an error."""


def unit_gradient(shape: tuple[int, ...]) -> Tensor:
    """A trial gradient whose entries have an RMS of 1."""
    gradient = trial_gradient(torch.zeros(shape))
    return gradient / rms(gradient)


def update_of(
    make: MakeOptimizer,
    gradient: Tensor,
    weight_scale: float = 1.0,
    rate: float = RATE,
    neighbor_scale: float | None = None,
    late_factor: float = 1.0,
) -> Tensor:
    """The change of a tensor over the last half of some steps with the same gradient.

    Args:
        make: Makes the optimizer.
        gradient: The gradient.
        weight_scale: RMS of the tensor.
        rate: The learning rate, which is set after the optimizer was made, as by a schedule.
        neighbor_scale: Factor on the gradient of a second tensor of this shape in the same group;
            None: there is no second one.
        late_factor: Factor on the rate from halfway on.
    """
    weight = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter((weight_scale * weight / rms(weight)).to(gradient.dtype))
    parameters = [parameter]
    if neighbor_scale is not None:
        parameters.append(torch.nn.Parameter(parameter.detach().clone()))
    optimizer = make([{"params": parameters, "lr": RATE, "weight_decay": 0.0}])
    set_rates(optimizer, rate)
    halfway = parameter.detach().clone()
    for step in range(STEPS):
        if step == STEPS // 2:
            halfway = parameter.detach().clone()
            set_rates(optimizer, rate * late_factor)
        for p, scale in zip(parameters, (1.0, neighbor_scale or 1.0), strict=False):
            p.grad = scale * gradient
        optimizer.step()
    return parameter.detach() - halfway


def set_rates(optimizer: Optimizer, rate: float) -> None:
    """Set the rate of every group, as a schedule does; some classes (torchao's) keep tensors."""
    for group in optimizer.param_groups:
        group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate


def at_rest(make: MakeOptimizer, tensor: Tensor, rate: float) -> Tensor:
    """What moves a tensor whose gradient is zero, such as a decay of the class's own (ASGD).

    Args:
        make: Makes the optimizer.
        tensor: One of the tensor's shape and type.
        rate: The learning rate.

    Raises:
        NoRest: The step fails.
    """
    try:
        # a gradient over its own norm is 0/0
        return update_of(make, torch.zeros_like(tensor), rate=rate).nan_to_num()
    except Exception as error:  # whatever the user's class raises
        raise NoRest(
            f"its step fails where the gradient is zero, as behind a layer that starts at zero "
            f"({described(error)})"
        ) from error


def decay_share(make: MakeOptimizer, decay: float = 0.5, rate: float = 2.0**-7) -> float:
    """The share that a step without a gradient takes off, divided by rate × decay.

    The rate is small, since 1 - 1 / (1 + rate × decay) counts as rate × decay too. The share is 1
    for a decoupled decay and for plain gradient descent, and 0 without a decay. A late step is
    measured: early ones only initialize the state, or are plain momentum.

    Args:
        make: Makes the optimizer.
        decay: The weight decay.
        rate: The learning rate.
    """
    weight = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = make([{"params": [parameter], "lr": rate, "weight_decay": decay}])
    for _ in range(STEPS):
        weight = parameter.detach().clone()
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    lost = weight - parameter.detach()
    expected = rate * decay * weight
    error = rms(lost - expected) / rms(expected)
    return 1.0 if error < 0.01 else rms(lost) / rms(expected)


def rounding_share(make: MakeOptimizer, rate: float) -> float:
    """The change of a matrix's update when the gradient changes by `TINY`, relative to the update.

    About 0 for what follows the gradient. SOAP on a gradient that stays the same has zeros off the
    diagonal of its eigenbasis, but for rounding errors, which Adam normalizes to 1 there.

    Args:
        make: Makes the optimizer.
        rate: A rate at which its steps stand out from rounding.
    """
    gradient = unit_gradient((SIDE, SIDE))
    noise = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(2))
    nearby = gradient + TINY * noise.to(gradient.dtype)
    update = update_of(make, gradient, rate=rate)
    return rms(update_of(make, nearby, rate=rate) - update) / rms(update)


def late_rate_share(make: MakeOptimizer, rate: float, factor: float = 4.0) -> float:
    """The growth of a matrix's update when the rate grows halfway, relative to that of the rate.

    Args:
        make: Makes the optimizer.
        rate: A rate at which its steps stand out from rounding.
        factor: How much larger the late rate is.
    """
    gradient = unit_gradient((SIDE, SIDE))
    late = update_of(make, gradient, rate=rate, late_factor=factor)
    return rms(late) / rms(update_of(make, gradient, rate=rate)) / factor


def rms(tensor: Tensor) -> float:
    """Root mean square of the entries."""
    return float(tensor.float().square().mean().sqrt())
