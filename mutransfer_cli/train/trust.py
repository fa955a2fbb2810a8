"""Whether a population of a model trains as the same trials one by one; asked before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.planned import proxy
from mutransfer_cli.recipe.size import Size
from mutransfer_cli.train.course import train_together
from mutransfer_cli.train.population import Member, Population
from mutransfer_cli.train.trial import Result, feed_of, moved, train

STEPS = 4
COMPARED = 3  # trials
CLOSE = 1e-4  # relative difference of losses in single precision
CLOSE_MUON = 1e-2  # it orthogonalizes in bfloat16
BUILT_IN = frozenset({"mlp", "gpt", "convnet"})  # compared in the project's own tests


def distrusted(members: Sequence[Member], size: Size, device: str) -> str | None:
    """Why these trials cannot train together; None where they can.

    A few steps are trained both ways. Where the forward pass draws random numbers (dropout), only
    the first gradients are compared, in evaluation.
    """
    first = members[0]
    if first.recipe.model.build in BUILT_IN:
        return None
    tolerance = tolerance_of(first)
    try:
        if draws(first, size, device):
            return differing_gradients(members, size, device, tolerance)
        short = replace(size, steps=STEPS)
        together = dict(train_together(members, short, device))
        for i, member in enumerate(members):
            alone = train(member.recipe, short, member.seed, device, member.plan)
            if apart(alone, together[i]) > tolerance:
                return (
                    f"a population of {first.recipe.model.build} trains differently from the same "
                    f"trials one by one (losses {apart(alone, together[i]):.1g} apart after "
                    f"{STEPS} steps)"
                )
    except (InputError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        return f"{first.recipe.model.build} cannot be vmapped: {' '.join(str(error).split())[:200]}"
    return None


def tolerance_of(member: Member) -> float:
    return CLOSE_MUON if member.plan.optimizer == "muon" else CLOSE


def apart(one: Result, other: Result) -> float:
    """The largest relative difference of two trials' losses."""
    pairs = [(a, b) for (_, a), (_, b) in zip(one.curve, other.curve, strict=False)]
    if one.outcome != other.outcome or len(one.curve) != len(other.curve):
        return float("inf")
    if one.loss is not None and other.loss is not None:
        pairs.append((one.loss, other.loss))
    return max((abs(a - b) / max(abs(a), 1e-12) for a, b in pairs), default=0.0)


def draws(member: Member, size: Size, device: str) -> bool:
    """Whether the model's forward pass in training draws random numbers."""
    subject = proxy(member.recipe, size, member.seed, member.plan)
    subject.model.to(device).train()
    batch = moved(feed_of(member.recipe, size, member.seed).batch(0), torch.device(device))
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
        own = moved(feed_of(member.recipe, size, member.seed).batch(0), place)
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
