"""Estimates the cost of a trial before training: floating-point operations, memory and time."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from math import prod
from statistics import median

import torch
from torch.utils.flop_counter import FlopCounterMode

from mutransfer_cli.models.builtin.protocol import CountsFlops
from mutransfer_cli.models.proxy import ProxyFactory
from mutransfer_cli.models.subject import Subject
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.recipe.size import Size, tokens_per_example
from mutransfer_cli.train.batches import to_device
from mutransfer_cli.train.machine.memory import SavedBytes
from mutransfer_cli.train.single_trial import SingleModel
from mutransfer_cli.train.trial import Trial

PARAMETER_COPIES = 4  # weights, gradients, and two moments
BYTES_PER_NUMBER = {"float32": 4, "bf16-autocast": 4, "bf16": 2}  # by train.precision
TIMED_STEPS = 8  # the first warms up


def count_parameters(plan: Plan) -> int:
    """Number of parameters."""
    return sum(prod(tensor.shape) for tensor in plan.tensors)


def six_nd(plan: Plan, tokens_per_example: int) -> float:
    """FLOPs of a trial as 6 per matrix entry and token, without attention (Kaplan 2020, §2.1)."""
    matrices = sum(t.fan_in * t.fan_out for t in plan.tensors if t.fan_in > 1)
    return 6.0 * matrices * plan.target["batch"] * plan.target["steps"] * tokens_per_example


@dataclass(frozen=True, slots=True)
class Flops:
    """Floating-point operations of one trial's training steps.

    Attributes:
        value: Their number.
        note: Why it is an estimate; None where it was counted.
    """

    value: float
    note: str | None = None


def training_flops(factory: ProxyFactory, size: Size) -> Flops:
    """Count the FLOPs of forward and backward passes, by torch unless the model counts its own."""
    subject = factory.skeleton(size)
    if isinstance(subject.model, CountsFlops):
        return Flops(subject.model.step_flops(size.batch) * size.steps)
    return _counted(factory, size, subject)


def _counted(factory: ProxyFactory, size: Size, subject: Subject) -> Flops:
    """Count with torch on the meta device, attention included; the first call takes a second.

    For a model that cannot run there (for example because it reads values) the number is estimated
    from its matrices, with a note.
    """
    assert subject.loss is not None
    own = subject.batch
    batch = factory.source_at(size).batch(0, 0, size.batch) if own is None else own(0)
    counter = FlopCounterMode(display=False)
    try:
        with counter:
            value = subject.loss(subject.model, to_device(batch, torch.device("meta")))
            value.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
    except Exception as error:  # whatever a user's model does with values that are not there
        reason = f"its forward pass cannot run on the meta device ({type(error).__name__})"
    else:
        if counter.get_total_flops():
            return Flops(float(counter.get_total_flops()) * size.steps)
        reason = "torch counts none of its operations"
    note = f"width {size.width}: FLOPs are 6 × matrix entries × tokens: {reason}"
    return Flops(six_nd(factory.plan(size), tokens_per_example(factory.recipe, size)), note)


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one trial of a size; None stands for what is not known.

    Attributes:
        flops: FLOPs of all its training steps.
        bytes: Bytes of weights, gradients, moments and activations.
        seconds: Seconds of the trial, trained by itself, with validation.
        validation_seconds: Seconds of these that validation takes.
    """

    flops: Flops
    bytes: int | None
    seconds: float | None
    validation_seconds: float = 0.0


def measure_cost(factory: ProxyFactory, size: Size, device: str = "cpu") -> Cost:
    """Time a few steps and one validation, and count what a step saves for the backward pass.

    Args:
        factory: Builds the recipe's models.
        size: Size of the trial.
        device: Torch's name of the device.
    """
    trial = Trial.of(factory, size)
    model = SingleModel(trial, device)
    saved = SavedBytes()
    seconds = []
    for step in range(TIMED_STEPS):
        started = time.perf_counter()
        with saved if step == 0 else nullcontext():  # counting takes time itself
            float(model.step(step))
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    model.validation_losses()
    validation = time.perf_counter() - started
    number = BYTES_PER_NUMBER[factory.training.precision]
    return Cost(
        training_flops(factory, size),
        count_parameters(trial.plan) * PARAMETER_COPIES * number + saved.count // model.accumulate,
        median(seconds[1:]) * size.steps + 2 * validation,
        2 * validation,
    )
