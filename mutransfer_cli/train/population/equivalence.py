"""Checks, before a population is used, that its trials train as they do by themselves."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import torch

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.errors import InputError
from mutransfer_cli.train.batches import to_device
from mutransfer_cli.train.population.population import Population
from mutransfer_cli.train.single_trial import SingleModel, mean_loss
from mutransfer_cli.train.trial import Trial

log = logging.getLogger(__name__)

COMPARED_STEPS, COMPARED_EXAMPLES = 4, 4
COMPARED_TRIALS = 3
CLIMBED_FACTOR = 1.25  # above this multiple of its first loss a trial amplifies rounding errors

known_reasons: dict[str, str | None] = {}  # by `architecture`, of this process


def unsafe_reason(trials: Sequence[Trial], device: str) -> str | None:
    """Why these trials cannot train as a population; None if they can.

    A few steps are trained in both ways; for a built-in model once per process, on the smallest
    rung. If the forward pass draws random numbers (dropout), only the first gradients are compared,
    in evaluation mode.

    Args:
        trials: A few of those that would train together.
        device: Torch's name of the device.
    """
    precision = trials[0].factory.training.precision
    if precision != "float32":
        return f"train.precision {precision} rounds differently in a population than one by one"
    optimizer = trials[0].plan.optimizer
    if OPTIMIZERS[optimizer].second_order:
        return f"{optimizer} needs second derivatives, which a population does not compute"
    if not trials[0].factory.is_built_in:
        return _compared(trials, device)
    key = architecture(trials[0], device)
    if key not in known_reasons:
        known_reasons[key] = _compared(on_smallest_rung(trials), device)
    return known_reasons[key]


def _compared(trials: Sequence[Trial], device: str) -> str | None:
    reason = compare_with_reference(trials, device)
    if reason is not None:
        log.info("no population: %s", reason)
    return reason


def architecture(trial: Trial, device: str) -> str:
    """A key of everything that decides which code trains a built-in model."""
    plan, settings = trial.plan, trial.factory.training
    code = (
        plan.optimizer,
        sorted(plan.sites),
        plan.clip is None,
        settings.schedule,
        settings.accumulate,
        device,
    )
    return repr((trial.factory.architecture, code))


def on_smallest_rung(trials: Sequence[Trial]) -> list[Trial]:
    """Two of the trials on the smallest rung, with a few examples a batch."""
    rungs = trials[0].factory.rungs
    small = min(*rungs, trials[0].size, key=lambda s: (s.width, s.depth))
    examples = COMPARED_EXAMPLES * trials[0].factory.training.accumulate
    size = replace(small, batch=min(small.batch, examples))
    return [replace(t, size=size, plan=t.factory.plan(small)) for t in trials[:2]]


def compare_with_reference(trials: Sequence[Trial], device: str) -> str | None:
    """Why a population differs from the same trials by themselves; None if it does not."""
    first = trials[0]
    try:
        if not first.factory.is_built_in and uses_rng(first, device):
            return differing_gradients(trials, device)
        return differing_losses(trials, device)
    except (InputError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        return f"{first.factory.model_name} cannot be vmapped: {' '.join(str(error).split())[:200]}"


def differing_losses(trials: Sequence[Trial], device: str) -> str | None:
    """How the losses of a few steps and a validation batch differ; None if they do not."""
    short = [replace(t, size=replace(t.size, steps=COMPARED_STEPS)) for t in trials]
    population = Population(short, device)
    steps = [population.step(step) for step in range(COMPARED_STEPS)]
    held_out = to_device(next(iter(population.data.values())).validation[0], population.device)
    batched = torch.stack([*steps, population.stack.losses(held_out)]).double().cpu()
    for i, trial in enumerate(short):
        difference = largest_difference(
            reference_losses(trial, device, held_out), batched[:, i].tolist()
        )
        if not difference <= population.tolerance:
            return (
                f"a population of {trial.factory.model_name} trains differently from the same "
                f"trials one by one (losses {difference:.1g} apart after {COMPARED_STEPS} steps)"
            )
    return None


def reference_losses(trial: Trial, device: str, held_out: Any) -> list[float]:
    """The losses of every step of one trial by itself, and of a validation batch after them."""
    model = SingleModel(trial, device)
    losses = [float(model.step(step)) for step in range(trial.size.steps)]
    return [*losses, mean_loss(model.subject, [held_out], model.device)]


def largest_difference(reference: Sequence[float], batched: Sequence[float]) -> float:
    """The largest relative difference before the reference climbs above CLIMBED_FACTOR."""
    largest = 0.0
    for a, b in zip(reference, batched, strict=True):
        if not a <= CLIMBED_FACTOR * reference[0]:
            return largest
        difference = abs(a - b) / max(abs(a), 1e-12)
        largest = max(largest, difference if isfinite(difference) else inf)
    return largest


def uses_rng(trial: Trial, device: str) -> bool:
    """Whether the model's forward pass in training draws random numbers."""
    model = SingleModel(trial, device)
    batch = model.batch(0)
    assert model.subject.loss is not None
    on_gpu = model.device.type == "cuda"
    before = torch.get_rng_state(), torch.cuda.get_rng_state(device) if on_gpu else None
    with torch.no_grad():
        model.subject.loss(model.subject.model, batch)
    same = torch.equal(before[0], torch.get_rng_state())
    if on_gpu:
        assert before[1] is not None
        same = same and torch.equal(before[1], torch.cuda.get_rng_state(device))
    return not same


def differing_gradients(trials: Sequence[Trial], device: str) -> str | None:
    """How the gradients of the first batch, in evaluation mode, differ; None if they do not."""
    population = Population(trials, device)
    batch, shared = population.batch(0)
    population.stack.backward(batch, shared, training=False)
    batched = {n: g.clone() for n, g in population.stack.grad_views.items()}
    population.step(0)  # runs in training mode too
    for i, trial in enumerate(trials):
        model = SingleModel(trial, device)
        subject = model.subject
        subject.model.eval()
        assert subject.loss is not None
        subject.loss(subject.model, model.batch(0)).backward()  # type: ignore[no-untyped-call]  # torch has no type
        for name, p in subject.model.named_parameters():
            if p.grad is None:
                continue
            difference = (batched[name][i] - p.grad).norm() / p.grad.norm().clamp(min=1e-12)
            if not float(difference) <= 10 * population.tolerance:
                return (
                    f"in a population of {trial.factory.model_name} the gradient of {name} "
                    f"differs by {float(difference):.1g} from that of one trial"
                )
    return None
