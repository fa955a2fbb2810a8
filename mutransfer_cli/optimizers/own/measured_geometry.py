"""Measures how large an optimizer's update is: exponents over gradient, weights, rate and shape.

Single tensors take steps with a gradient that stays the same. Each exponent compares two such
updates that differ in one quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, log2
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from mutransfer_cli.optimizers.own.trial_update import (
    is_orthogonalized,
    mean_singular_value,
    trial_gradient,
)

MakeOptimizer = Callable[[list[dict[str, Any]]], Optimizer]

RATE = 2.0**-10
SMALLEST_STEP = 2.0**-14  # of entries of weights of order 1; smaller ones drown in rounding
LARGEST_BOOST = 2.0**15  # of the rate: a class that chooses its own rate grows it from 1e-6
LARGE_TURN = 2.0**-6  # of a step relative to the matrix: one that does not keep the norm shows
KEPT = 1e-5  # relative change of a norm by rounding, at most
STEPS = 12  # the last half is measured: some optimizers warm up over their first steps
SMALL_GRADIENT = 2.0**-14  # as of networks: a clip, a bound or a prior may act at 1 alone
GRADIENT_FACTOR, WEIGHT_FACTOR, RATE_FACTOR = 1024.0, 16.0, 4.0
SHORT, LONG = 32, 256  # sides of the matrices
SHAPES = ((SHORT, SHORT), (LONG, SHORT), (SHORT, LONG), (LONG, LONG))


class NoStep(ValueError):
    """Steps with a gradient leave a tensor as it is, or make it infinite."""


@dataclass(frozen=True, slots=True)
class Responses:
    """How the size of an update responds, as exponents; entries are measured by their RMS.

    Attributes:
        gradient: Over the scale of the gradient.
        small_gradient: The same, from 1 down to gradients as small as those of networks.
        weight: Over the scale of the weights.
        rate: Over the learning rate.
        neighbor: Over the scale of the gradient of another tensor in the same group.
        sides: Over each side of the tensor, with the gradient's entries of the same size.
    """

    gradient: float
    small_gradient: float
    weight: float
    rate: float
    neighbor: float
    sides: tuple[float, ...]

    def __str__(self) -> str:
        sides = ", ".join(f"{s:+z.2f}" for s in self.sides)
        differs = round(self.gradient - self.small_gradient, 1) != 0
        below = f" (small ones: ^{self.small_gradient:z.2f})" if differs else ""
        return (
            f"gradient^{self.gradient:z.2f}{below}, weights^{self.weight:z.2f}, "
            f"rate^{self.rate:z.2f}, other tensors' gradients^{self.neighbor:z.2f}, "
            f"its entries over the sides ^({sides})"
        )


@dataclass(frozen=True, slots=True)
class MeasuredUpdate:
    """What was measured of an optimizer.

    Attributes:
        matrix: The responses of a matrix's update; sides are (out, in).
        vector: Those of a vector's; None: the optimizer takes no vectors.
        keeps_norm: Whether a matrix keeps its Frobenius norm.
        factors: Where the update of every matrix is its gradient with equal singular values, their
            mean divided by the rate, by shape; else empty.
    """

    matrix: Responses
    vector: Responses | None
    factors: Mapping[tuple[int, ...], float]
    keeps_norm: bool = False


def measured_update(make: MakeOptimizer) -> MeasuredUpdate:
    """Measure an optimizer.

    Args:
        make: Makes it from parameter groups with `params`, `lr` and `weight_decay`.
    """
    rate = visible_rate(make)
    matrix = _responses(make, SHAPES, rate)
    factors: dict[tuple[int, ...], float] = {}
    for shape in SHAPES:
        gradient = unit_gradient(shape)
        update = update_of(make, gradient, rate=rate)
        if not is_orthogonalized(update, gradient):
            factors = {}
            break
        factors[shape] = mean_singular_value(-update, gradient) / rate
    kept = keeps_norm(make, rate)
    try:
        vector = _responses(make, ((SHORT,), (LONG,)), rate)
    except NoStep:
        vector = None
    except Exception:  # such as Muon's, which refuses vectors
        if not factors and not kept:
            raise
        vector = None
    return MeasuredUpdate(matrix, vector, factors, kept)


def step_size(make: MakeOptimizer, rate: float = RATE) -> float:
    """RMS of the entries of a step of a matrix whose entries are of order 1."""
    return _rms(update_of(make, unit_gradient(SHAPES[0]), rate=rate)) / (STEPS - STEPS // 2)


def visible_rate(make: MakeOptimizer) -> float:
    """A rate at which steps stand out from rounding: LARS multiplies it by 0.001.

    Args:
        make: Makes the optimizer.
    """
    size = step_size(make)
    return RATE * RATE / size if RATE / LARGEST_BOOST < size < SMALLEST_STEP else RATE


def keeps_norm(make: MakeOptimizer, rate: float = RATE) -> bool:
    """Whether steps leave the Frobenius norm of a matrix as it is, up to rounding.

    Args:
        make: Makes the optimizer.
        rate: A rate at which its steps stand out from rounding. That of the steps here turns the
            matrix by `LARGE_TURN`.
    """
    turn = step_size(make, rate)
    if not 0 < turn < inf:
        return False
    gradient = unit_gradient(SHAPES[0])
    parameter = torch.nn.Parameter(gradient.T.contiguous())
    larger = rate * LARGE_TURN / turn
    optimizer = make([{"params": [parameter], "lr": larger, "weight_decay": 0.0}])
    for _ in range(STEPS):
        parameter.grad = gradient.clone()
        optimizer.step()
    return abs(float(parameter.detach().norm() / gradient.norm()) - 1) < KEPT


def unit_gradient(shape: tuple[int, ...]) -> Tensor:
    """A trial gradient whose entries have an RMS of 1."""
    gradient = trial_gradient(torch.zeros(shape))
    return gradient / _rms(gradient)


def update_of(
    make: MakeOptimizer,
    gradient: Tensor,
    weight_scale: float = 1.0,
    rate: float = RATE,
    neighbor_scale: float | None = None,
) -> Tensor:
    """The change of a tensor over the last half of some steps with the same gradient.

    Args:
        make: Makes the optimizer.
        gradient: The gradient.
        weight_scale: RMS of the tensor.
        rate: The learning rate, which is set after the optimizer was made, as by a schedule.
        neighbor_scale: Factor on the gradient of a second tensor of this shape in the same group;
            None: there is no second one.
    """
    weight = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter((weight_scale * weight / _rms(weight)).to(gradient.dtype))
    parameters = [parameter]
    if neighbor_scale is not None:
        parameters.append(torch.nn.Parameter(parameter.detach().clone()))
    optimizer = make([{"params": parameters, "lr": RATE, "weight_decay": 0.0}])
    for group in optimizer.param_groups:
        group["lr"] = rate
    halfway = parameter.detach().clone()
    for step in range(STEPS):
        if step == STEPS // 2:
            halfway = parameter.detach().clone()
        for p, scale in zip(parameters, (1.0, neighbor_scale or 1.0), strict=False):
            p.grad = scale * gradient
        optimizer.step()
    return parameter.detach() - halfway


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
    weight = torch.randn(SHORT, SHORT, generator=torch.Generator().manual_seed(1))
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = make([{"params": [parameter], "lr": rate, "weight_decay": decay}])
    for _ in range(STEPS):
        weight = parameter.detach().clone()
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    lost = weight - parameter.detach()
    expected = rate * decay * weight
    error = _rms(lost - expected) / _rms(expected)
    return 1.0 if error < 0.01 else _rms(lost) / _rms(expected)


def _responses(make: MakeOptimizer, shapes: tuple[tuple[int, ...], ...], rate: float) -> Responses:
    """Compare updates of the first shape with those under one change, or of the next shapes."""
    first = unit_gradient(shapes[0])
    size = _rms(update_of(make, first, rate=rate))
    if not 0 < size < inf:
        raise NoStep(f"steps with a gradient changed a tensor of shape {shapes[0]} by {size}")

    def exponent(changed: Tensor, factor: float) -> float:
        """The exponent that follows from an update with one quantity changed by a factor."""
        return log2(max(_rms(changed), 1e-30) / size) / log2(factor)

    beside_equal = update_of(make, first, rate=rate, neighbor_scale=1.0)
    beside_larger = update_of(make, first, rate=rate, neighbor_scale=GRADIENT_FACTOR)
    small = SMALL_GRADIENT * first.double()  # in float64, since its steps would drown in rounding
    # without what moves a tensor without a gradient, such as a decay of its own (ASGD)
    try:
        at_small, still = (update_of(make, gradient, rate=rate) for gradient in (small, 0 * small))
    except RuntimeError as error:  # state that is float32 whatever the tensor is
        message = " ".join(str(error).split())
        raise NoStep(
            f"it steps in float32, but not in float64, in which small gradients are measured "
            f"({message})"
        ) from error
    one_side_longer = shapes[1 : 1 + len(shapes[0])]
    return Responses(
        gradient=exponent(update_of(make, GRADIENT_FACTOR * first, rate=rate), GRADIENT_FACTOR),
        small_gradient=exponent(at_small - still.nan_to_num(), SMALL_GRADIENT),
        weight=exponent(update_of(make, first, WEIGHT_FACTOR, rate), WEIGHT_FACTOR),
        rate=exponent(update_of(make, first, rate=RATE_FACTOR * rate), RATE_FACTOR),
        neighbor=exponent(beside_larger, GRADIENT_FACTOR) - exponent(beside_equal, GRADIENT_FACTOR),
        sides=tuple(
            exponent(update_of(make, unit_gradient(shape), rate=rate), LONG / SHORT)
            for shape in one_side_longer
        ),
    )


def _rms(tensor: Tensor) -> float:
    return float(tensor.float().square().mean().sqrt())
