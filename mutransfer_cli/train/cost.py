"""What a trial costs: floating-point operations, memory and time, before any training."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from mutransfer_cli.data.opening import open_source
from mutransfer_cli.models.builder import build
from mutransfer_cli.models.builtin.protocol import CountsFlops
from mutransfer_cli.models.loss import cross_entropy
from mutransfer_cli.models.proxy import plan_for, proxy
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.schema.recipe import Recipe
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.tracing.skeleton import skeleton
from mutransfer_cli.train.trial import data_stream, mean_loss, to_device

BYTES_PER_PARAMETER = 16  # float32 weights, gradients, and two moments
TIMED_STEPS = 8  # the first warms up


def count_parameters(plan: Plan) -> int:
    """Number of parameters."""
    total = 0
    for tensor in plan.tensors:
        size = 1
        for n in tensor.shape:
            size *= n
        total += size
    return total


def six_nd(plan: Plan, tokens_per_example: int) -> float:
    """Of one trial: 6 for each matrix entry and token (Kaplan et al. 2020, §2.1), no attention."""
    matrices = sum(t.fan_in * t.fan_out for t in plan.tensors if t.fan_in > 1)
    return 6.0 * matrices * plan.target["batch"] * plan.target["steps"] * tokens_per_example


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating-point operations of one trial's training steps; note: where they are estimated."""

    value: float
    note: str | None = None


def training_flops(recipe: Recipe, size: Size) -> Flops:
    """Of forward and backward passes: the model's own count where it has one, else torch's."""
    subject = on_meta(recipe, size)
    if isinstance(subject.model, CountsFlops):
        return Flops(subject.model.step_flops(size.batch) * size.steps)
    return counted(recipe, size, subject)


def counted(recipe: Recipe, size: Size, subject: Subject) -> Flops:
    """By torch on the meta device, attention included (its first use takes a second to import).

    A model that cannot run there (it looks at values) is estimated from its matrices, with a note.
    """
    loss = subject.loss or cross_entropy
    source = None if subject.batch is not None else open_source(recipe)
    batch = source.batch(0, 0, size.batch) if source else subject.batch(0)  # type: ignore[misc]  # one of them is there: tested above
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            value = loss(subject.model, to_device(batch, torch.device("meta")))
            value.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    except Exception as error:  # whatever a user's model does with values that are not there
        reason = f"its forward pass cannot run on the meta device ({type(error).__name__})"
    else:
        if counter.get_total_flops():
            return Flops(float(counter.get_total_flops()) * size.steps)
        reason = "torch counts none of its operations"
    tokens = recipe.data.seq_len if recipe.data.is_tokens else 1
    note = f"width {size.width}: FLOPs are 6 × matrix entries × tokens: {reason}"
    return Flops(six_nd(plan_for(recipe, size), tokens), note)


def on_meta(recipe: Recipe, size: Size) -> Subject:
    """The model without memory, with its loss and batches."""
    made: list[Subject] = []

    def model() -> torch.nn.Module:
        made.append(build(recipe, size))
        return made[0].model

    skeleton(model)
    return made[0]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one trial at one size; what is not known is None."""

    flops: Flops
    bytes: int | None
    seconds: float | None
    looks: float = 0.0  # of these, spent on the validation loss


def measure_cost(recipe: Recipe, size: Size, device: str = "cpu") -> Cost:
    """Time a few steps and one look at the validation loss, and weigh what they keep."""
    plan = plan_for(recipe, size)
    place = torch.device(device)
    subject = proxy(recipe, size, 0, plan)
    subject.model.to(place)
    assert subject.loss is not None and subject.optimizer is not None
    feed = data_stream(recipe, size, 0)
    kept = 0

    def weigh(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    seconds = []
    for step in range(TIMED_STEPS):
        started = time.perf_counter()
        batch = to_device(feed.batch(step), place)
        weighing = torch.autograd.graph.saved_tensors_hooks(weigh, lambda t: t)
        with weighing if step == 0 else nullcontext():  # it takes time itself
            loss = subject.loss(subject.model, batch)
        subject.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        subject.optimizer.step()
        float(loss.detach())
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    mean_loss(subject, feed.validation, place)
    validation = time.perf_counter() - started
    return Cost(
        training_flops(recipe, size),
        count_parameters(plan) * BYTES_PER_PARAMETER + kept,
        median(seconds[1:]) * size.steps + 2 * validation,
        2 * validation,
    )
