"""Curvature over all steps of an optimizer's length: a box for Lion, a spectral ball for Muon.

A step u of fixed length in a norm changes a quadratic loss by gᵀu + ½uᵀHu. With the steepest of
them, gᵀu = -D, it falls while uᵀHu is below 2D. The largest uᵀHu over the ball, S, is the
generalized sharpness of that norm (arXiv 2603.05002), times the square of the learning rate, and S
= 2D is its threshold 2/η for steps that are D times as long as those of steepest descent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mutransfer_cli.optimizers.muon import CLASS_DEFAULT, torch_class
from mutransfer_cli.optimizers.shape_factors import lr_adjustment
from mutransfer_cli.probes.curvature.flat import flatten, unflatten
from mutransfer_cli.probes.curvature.hessian import Hessian

RANDOM_STARTS = 3
MOST_ITERATIONS = 20  # of each start
RISE = 2e-4  # relative, below which an iteration has ended
Steepest = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class StepBall:
    """The steps that an optimizer may take, of those of its tensors that have a known length.

    Attributes:
        parameters: The tensors.
        radii: Largest entry of each one's step, or its largest singular value.
        spectral: Whether it is a singular value.
    """

    parameters: tuple[nn.Parameter, ...]
    radii: tuple[float, ...]
    spectral: tuple[bool, ...]

    def steepest(self, vector: Tensor) -> Tensor:
        """The step of the ball with the largest inner product with a vector (n,)."""
        parts = unflatten(vector, self.parameters)
        return flatten(
            [
                radius * (_orthogonal(part) if spectral else part.sign())
                for part, radius, spectral in zip(parts, self.radii, self.spectral, strict=True)
            ]
        )


def step_ball(optimizer: Optimizer) -> StepBall | None:
    """The steps of Lion and of torch's Muon; None where an optimizer has no part of these kinds.

    Args:
        optimizer: An optimizer, or several as one.
    """
    muon, lion = torch_class(), _lion()
    found: list[tuple[nn.Parameter, float, bool]] = []
    for part in getattr(optimizer, "parts", [optimizer]):
        spectral = muon is not None and type(part) is muon
        if not spectral and (lion is None or type(part) is not lion):
            continue
        for group in part.param_groups:
            name = group.get("adjust_lr_fn") or CLASS_DEFAULT
            for p in filter(lambda p: p.requires_grad, group["params"]):
                factor = lr_adjustment(name)(tuple(p.shape)) if spectral else 1.0
                found.append((p, float(group["lr"]) * factor, spectral))
    if not found:
        return None
    parameters, radii, kinds = zip(*found, strict=True)
    return StepBall(parameters, radii, kinds)


def _lion() -> type[Optimizer] | None:
    """The class, where this installation has it: every optimizer's module can be left out."""
    try:
        from mutransfer_cli.optimizers.lion import Lion
    except ModuleNotFoundError:
        return None
    return Lion


def ball_ratio(hessian: Hessian, ball: StepBall) -> float | None:
    """S/(2D): up to 1, the steepest step of the ball lowers the quadratic loss; None: no slope.

    Args:
        hessian: The Hessian by the tensors of the ball, in its order.
        ball: The steps.
    """
    gradient = hessian.gradient().detach()
    first = ball.steepest(gradient)
    fall = float(gradient @ first)
    if fall <= 0:
        return None
    return largest_curvature(hessian.product, ball.steepest, first) / (2 * fall)


def largest_curvature(
    product: Callable[[Tensor], Tensor], steepest: Steepest, first: Tensor
) -> float:
    """The largest uᵀHu over a ball, from below.

    The generalized power iteration u ← steepest step along Hu (Journée et al., arXiv 0811.4724)
    never falls where H has no negative curvature, and ends at a local maximum; of several starts
    the best is taken. Where it falls, H + s in place of H makes up for the negative curvature that
    the last move met: all corners of a box, and all orthogonal matrices, have one length, so that
    the maximum stays where it is.

    Args:
        product: H times a vector (n,).
        steepest: The step of the ball with the largest inner product with a vector.
        first: A first start (n,); others are random.
    """
    generator = torch.Generator().manual_seed(0)
    starts = [first]
    for _ in range(RANDOM_STARTS):
        noise = torch.randn(first.numel(), generator=generator)
        starts.append(steepest(noise.to(first)))
    largest, shift = -float("inf"), 0.0
    for step in starts:
        curved = product(step)
        value = float(step @ curved)
        largest = max(largest, value)
        for _ in range(MOST_ITERATIONS - 1):
            after = steepest(curved + shift * step)
            moved = after - step
            if not moved.any():
                break
            curved_after = product(after)
            reached = float(after @ curved_after)
            largest = max(largest, reached)
            bend = -float(moved @ (curved_after - curved)) / float(moved @ moved)
            if reached < value and bend > shift:
                shift = max(2 * shift, bend)
                continue
            rise, step, curved, value = reached - value, after, curved_after, reached
            if rise <= RISE * abs(value):
                break
    return largest


def _orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values 1: UVᵀ."""
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    product: Tensor = u @ v
    return product
