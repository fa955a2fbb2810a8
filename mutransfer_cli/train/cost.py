"""What a trial costs: floating-point operations, memory and time, before any training."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from mutransfer_cli.models.planned import plan_for, proxy
from mutransfer_cli.recipe.schema import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.rules.plan import Plan
from mutransfer_cli.train.trial import feed_of, moved

BYTES_PER_PARAMETER = 16  # float32 weights, gradients, and two moments
TIMED_PASSES = 3


def parameters(plan: Plan) -> int:
    """Number of parameters."""
    total = 0
    for tensor in plan.tensors:
        size = 1
        for n in tensor.shape:
            size *= n
        total += size
    return total


def flops(plan: Plan, tokens_per_example: int) -> float:
    """Of one trial: 6 for each matrix entry and token (Kaplan et al. 2020, §2.1), no attention."""
    matrices = sum(t.fan_in * t.fan_out for t in plan.tensors if t.fan_in > 1)
    return 6.0 * matrices * plan.target["batch"] * plan.target["steps"] * tokens_per_example


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one trial at one size; what is not known is None."""

    flops: float
    bytes: int | None
    seconds: float | None


def measure(recipe: Recipe, size: Size, tokens_per_example: int, device: str = "cpu") -> Cost:
    """Time a few forward and backward passes and weigh what they keep; nothing is trained."""
    plan = plan_for(recipe, size)
    place = torch.device(device)
    subject = proxy(recipe, size, 0, plan)
    subject.model.to(place)
    assert subject.loss is not None
    batch = moved(feed_of(recipe, size, 0).batch(0), place)
    kept = 0

    def weigh(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    seconds = []
    for _ in range(TIMED_PASSES):
        kept = 0
        started = time.perf_counter()
        with torch.autograd.graph.saved_tensors_hooks(weigh, lambda t: t):
            loss = subject.loss(subject.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        float(loss.detach())
        seconds.append(time.perf_counter() - started)
    return Cost(
        flops(plan, tokens_per_example),
        parameters(plan) * BYTES_PER_PARAMETER + kept,
        sorted(seconds)[TIMED_PASSES // 2] * size.steps,
    )
