"""Measures how large an optimizer's update is: exponents over gradient, weights, rate and shape.

Single tensors take steps with a gradient that stays the same. Each exponent compares two such
updates that differ in one quantity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log2

import torch
from torch import Tensor

from mutransfer_cli.optimizers.own.trial_steps import (
    RATE,
    SIDE,
    STEPS,
    MakeOptimizer,
    at_rest,
    rms,
    unit_gradient,
    update_of,
)
from mutransfer_cli.optimizers.own.trial_update import (
    is_orthogonalized,
    is_resized,
    mean_singular_value,
    of_rank_one,
)

SMALLEST_STEP = 2.0**-14  # of entries of weights of order 1; smaller ones drown in rounding
LARGEST_BOOST = 2.0**15  # of the rate: a class that chooses its own rate grows it from 1e-6
LARGE_TURN = 2.0**-6  # of a step relative to the matrix: one that does not keep the norm shows
KEPT = 1e-5  # relative change of a norm by rounding, at most
SMALL_GRADIENT = 2.0**-14  # as of networks: a clip, a bound or a prior may act at 1 alone
LONG_STEP = 2.0**-3  # with a gradient of 1; plain ones with a small gradient still stand out then
GRADIENT_FACTOR, WEIGHT_FACTOR, RATE_FACTOR = 1024.0, 16.0, 4.0
SHORT, LONG = SIDE, 256  # sides of the matrices
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
        resized: Whether singular values are equal, but the update is brought to an RMS, so that
            they grow as the rank of the gradient falls.
    """

    matrix: Responses
    vector: Responses | None
    factors: Mapping[tuple[int, ...], float]
    keeps_norm: bool = False
    resized: bool = False


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
    resized = bool(factors) and not kept and resizes(make, rate)
    if resized:
        factors = {}
    try:
        vector = _responses(make, ((SHORT,), (LONG,)), rate)
    except NoStep:
        vector = None
    except Exception:  # such as Muon's, which refuses vectors
        if not factors and not kept and not resized:
            raise
        vector = None
    return MeasuredUpdate(matrix, vector, factors, kept, resized)


def step_size(make: MakeOptimizer, rate: float = RATE) -> float:
    """RMS of the entries of a step of a matrix whose entries are of order 1."""
    return rms(update_of(make, unit_gradient(SHAPES[0]), rate=rate)) / (STEPS - STEPS // 2)


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


def resizes(make: MakeOptimizer, rate: float) -> bool:
    """Whether the optimizer brings orthogonalized updates to an RMS.

    Args:
        make: Makes the optimizer.
        rate: A rate at which its steps stand out from rounding.
    """
    full = unit_gradient(SHAPES[-1])
    single = update_of(make, of_rank_one(full), rate=rate)
    return is_resized(update_of(make, full, rate=rate), full, single)


def _responses(make: MakeOptimizer, shapes: tuple[tuple[int, ...], ...], rate: float) -> Responses:
    """Compare updates of the first shape with those under one change, or of the next shapes."""
    first = unit_gradient(shapes[0])
    size = rms(update_of(make, first, rate=rate))
    if not 0 < size < inf:
        raise NoStep(f"steps with a gradient changed a tensor of shape {shapes[0]} by {size}")

    def exponent(changed: Tensor, factor: float) -> float:
        """The exponent that follows from an update with one quantity changed by a factor."""
        return log2(max(rms(changed), 1e-30) / size) / log2(factor)

    beside_equal = update_of(make, first, rate=rate, neighbor_scale=1.0)
    beside_larger = update_of(make, first, rate=rate, neighbor_scale=GRADIENT_FACTOR)
    faster = rate * LONG_STEP * (STEPS - STEPS // 2) / size
    large = rms(update_of(make, first, rate=faster))
    small = update_of(make, SMALL_GRADIENT * first, rate=faster) - at_rest(make, first, faster)
    one_side_longer = shapes[1 : 1 + len(shapes[0])]
    return Responses(
        gradient=exponent(update_of(make, GRADIENT_FACTOR * first, rate=rate), GRADIENT_FACTOR),
        small_gradient=log2(max(rms(small), 1e-30) / large) / log2(SMALL_GRADIENT),
        weight=exponent(update_of(make, first, WEIGHT_FACTOR, rate), WEIGHT_FACTOR),
        rate=exponent(update_of(make, first, rate=RATE_FACTOR * rate), RATE_FACTOR),
        neighbor=exponent(beside_larger, GRADIENT_FACTOR) - exponent(beside_equal, GRADIENT_FACTOR),
        sides=tuple(
            exponent(update_of(make, unit_gradient(shape), rate=rate), LONG / SHORT)
            for shape in one_side_longer
        ),
    )
