"""Whether a population of a model trains as the same trials one by one; asked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Any

import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.proxy import plan_for, proxy
from mutransfer_cli.recipe.size import Size, rungs
from mutransfer_cli.train.population.population import Member, Population
from mutransfer_cli.train.trial import data_stream, mean_loss, one_step, to_device

COMPARED_STEPS, COMPARED_EXAMPLES = 4, 4
COMPARED_TRIALS = 3  # trials
TOLERANCE = 1e-4  # relative difference of losses in single precision
CLOSE_MUON = 1e-2  # it orthogonalizes in bfloat16
CLIMBED_FACTOR = 1.25  # times its first loss: from there a trial only magnifies what was rounded
BUILT_IN = frozenset({"mlp", "gpt", "convnet"})  # the same at every width, and never hang

known_reasons: dict[str, str | None] = {}  # by `architecture`: what was found in this process


def unsafe_reason(members: Sequence[Member], size: Size, device: str) -> str | None:
    """Why these trials cannot train together; None where they can.

    A few steps are trained both ways; of a built-in model once in a process, on the smallest rung.
    Where the forward pass draws random numbers (dropout), only the first gradients are compared, in
    evaluation.
    """
    first = members[0]
    if first.recipe.model.build not in BUILT_IN:
        return compare_with_reference(members, size, device)
    what = architecture(first, device)
    if what not in known_reasons:
        known_reasons[what] = compare_with_reference(*on_smallest_rung(members, size), device)
    return known_reasons[what]


def architecture(member: Member, device: str) -> str:
    """All that decides which code trains a built-in model."""
    recipe, plan = member.recipe, member.plan
    code = plan.optimizer, sorted(plan.sites), plan.clip is None, recipe.schedule, device
    return repr((recipe.model, recipe.parameterization, recipe.rules, code))


def on_smallest_rung(members: Sequence[Member], size: Size) -> tuple[list[Member], Size]:
    """Two of the trials on the smallest rung, with a few examples a batch."""
    small = min(*rungs(members[0].recipe), size, key=lambda s: (s.width, s.depth))
    own = [replace(m, plan=plan_for(m.recipe, small)) for m in members[:2]]
    return own, replace(small, batch=min(small.batch, COMPARED_EXAMPLES))


def compare_with_reference(members: Sequence[Member], size: Size, device: str) -> str | None:
    """Why a population is not the same trials one by one; None where it is."""
    first = members[0]
    tolerance = tolerance_of(first)
    try:
        if first.recipe.model.build not in BUILT_IN and uses_rng(first, size, device):
            return differing_gradients(members, size, device, tolerance)
        return differing_losses(members, size, device, tolerance)
    except (InputError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        return f"{first.recipe.model.build} cannot be vmapped: {' '.join(str(error).split())[:200]}"


def differing_losses(
    members: Sequence[Member], size: Size, device: str, tolerance: float
) -> str | None:
    """Of a few steps, and of a batch of validation after them; None where none differ."""
    short, place = replace(size, steps=COMPARED_STEPS), torch.device(device)
    population = Population(members, short, device)
    rows = [population.step(step) for step in range(COMPARED_STEPS)]
    held_out = to_device(next(iter(population.feeds.values())).validation[0], place)
    together = torch.stack([*rows, population.stack.losses(held_out)]).double().cpu()
    for i, member in enumerate(members):
        alone = losses_alone(member, short, place, held_out)
        apart = largest_difference(alone, together[:, i].tolist())
        if not apart <= tolerance:
            return (
                f"a population of {member.recipe.model.build} trains differently from the same "
                f"trials one by one (losses {apart:.1g} apart after {COMPARED_STEPS} steps)"
            )
    return None


def tolerance_of(member: Member) -> float:
    return CLOSE_MUON if member.plan.optimizer == "muon" else TOLERANCE


def losses_alone(member: Member, size: Size, place: torch.device, held_out: Any) -> list[float]:
    """Of every step of one trial, and of a batch of validation after them."""
    subject = proxy(member.recipe, size, member.seed, member.plan)
    subject.model.to(place).train()
    assert subject.optimizer is not None
    feed, groups = data_stream(member.recipe, size, member.seed), subject.optimizer.param_groups
    peaks = [group["lr"] for group in groups]
    parameters = [p for p in subject.model.parameters() if p.requires_grad]
    found = []
    for step in range(size.steps):
        for group, peak in zip(groups, peaks, strict=True):
            group["lr"] = peak * member.schedule(step, size.steps)
        batch = to_device(feed.batch(step), place)
        found.append(float(one_step(subject, parameters, batch, member.plan.clip)))
    return [*found, mean_loss(subject, [held_out], place)]


def largest_difference(alone: Sequence[float], together: Sequence[float]) -> float:
    """The largest relative difference, as long as the one trained alone has not climbed."""
    found = 0.0
    for a, b in zip(alone, together, strict=True):
        if not a <= CLIMBED_FACTOR * alone[0]:
            return found
        off = abs(a - b) / max(abs(a), 1e-12)
        found = max(found, off if isfinite(off) else inf)
    return found


def uses_rng(member: Member, size: Size, device: str) -> bool:
    """Whether the model's forward pass in training draws random numbers."""
    subject = proxy(member.recipe, size, member.seed, member.plan)
    subject.model.to(device).train()
    batch = to_device(data_stream(member.recipe, size, member.seed).batch(0), torch.device(device))
    assert subject.loss is not None
    on_gpu = torch.device(device).type == "cuda"
    before = torch.get_rng_state(), torch.cuda.get_rng_state(device) if on_gpu else None
    with torch.no_grad():
        subject.loss(subject.model, batch)
    same = torch.equal(before[0], torch.get_rng_state())
    if on_gpu:
        assert before[1] is not None
        same = same and torch.equal(before[1], torch.cuda.get_rng_state(device))
    return not same


def differing_gradients(
    members: Sequence[Member], size: Size, device: str, tolerance: float
) -> str | None:
    """Of the first batch, in evaluation; None where none differ."""
    population = Population(members, size, device)
    batch, shared = population.batch(0)
    population.stack.backward(batch, shared, training=False)
    together = {n: g.clone() for n, g in population.stack.gradient_views.items()}
    population.step(0)  # runs in training too
    place = torch.device(device)
    for i, member in enumerate(members):
        subject = proxy(member.recipe, size, member.seed, member.plan)
        subject.model.to(place).eval()
        own = to_device(data_stream(member.recipe, size, member.seed).batch(0), place)
        assert subject.loss is not None
        subject.loss(subject.model, own).backward()  # type: ignore[no-untyped-call]  # torch has no type
        for name, p in subject.model.named_parameters():
            if p.grad is None:
                continue
            off = float((together[name][i] - p.grad).norm() / p.grad.norm().clamp(min=1e-12))
            if not off <= 10 * tolerance:
                return (
                    f"in a population of {member.recipe.model.build} the gradient of {name} "
                    f"differs by {off:.1g} from that of one trial"
                )
    return None
