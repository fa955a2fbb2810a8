"""From what a stack offers to what it will do: multipliers are chosen, the rest is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt

from mutransfer_cli.emit.core.abc_symmetry import Numbers, Offer, best_multiplier, shifted, taken
from mutransfer_cli.emit.core.decoder import INNER, forward_scale, knob_of, numbers_of, wanted_of
from mutransfer_cli.emit.core.interface import Job, Outcome
from mutransfer_cli.errors import InputError


@dataclass(frozen=True, slots=True)
class Hidden:
    """The numbers of the matrices inside the blocks, by which a stack's base values are set."""

    init_std: float
    lr: float
    weight_decay: float
    eps: float


def hidden_of(job: Job) -> Hidden:
    """Of the first of them; the init is that of all, which a sample of the model may have told."""
    names = set(job.transformer.names(*INNER))
    inner = [t for t in job.plan.tensors if t.name in names]
    tensors = [t for t in inner if t.role == "hidden"] or inner  # keys of fixed heads are readouts
    entries = [prod(t.base_shape) for t in tensors]
    squares = sum(n * (t.init_std or 0.0) ** 2 for n, t in zip(entries, tensors, strict=True))
    first = tensors[0]
    return Hidden(sqrt(squares / sum(entries)), first.lr, first.weight_decay, first.eps or 0.0)


def decay_of(job: Job, hidden: Hidden) -> float:
    """Weight decay for a stack that has one number for all: never too much on the embedding.

    That of the embedding where it decays; else what gives the hidden matrices no more per step
    than they would at the base.
    """
    for t in job.plan.tensors:
        if job.transformer.parts[t.name] in ("token", "tied"):
            return t.weight_decay or hidden.weight_decay * min(1.0, hidden.lr / t.lr)
    return hidden.weight_decay


def exact(job: Job) -> Outcome:
    """The plan as it is, for a stack that takes every number of every tensor."""
    tensors = {t.name: numbers_of(t) for t in job.plan.tensors}
    return Outcome(tensors, tensors, job.plan.forward.get("attention_scale"))


@dataclass(frozen=True, slots=True)
class Settled:
    """Numbers of every tensor, and the multiplier of each knob."""

    wanted: Mapping[str, Numbers]
    tensors: Mapping[str, Numbers]
    knobs: Mapping[str, float]  # embedding, logit, residual
    tied_logits: float | None = None


def settle(
    job: Job,
    offers: Mapping[str, Offer],
    fixed: Mapping[str, float],
    wanted: Mapping[str, Numbers] | None = None,
) -> Settled:
    """Choose what multiplies embedding, logits and branches, and take what is offered.

    offers: by part, with `_bias` for biases; what is missing takes every number. fixed: knobs that
    the stack does not have, and what it multiplies by instead.
    """
    parts, plan = job.transformer.parts, job.plan
    wanted = wanted or wanted_of(plan, parts, job.transformer.own)
    groups: dict[str | None, list[str]] = {}
    for name in wanted:
        groups.setdefault(knob_of(parts[name]), []).append(name)
    knobs: dict[str, float] = {}
    got: dict[str, Numbers] = {}
    for knob, names in groups.items():
        pairs = [(wanted[name], offers.get(parts[name], Offer())) for name in names]
        value: float | None = None
        if knob is not None:
            value = fixed.get(knob)
            if value is None:
                value = best_multiplier(pairs, plan.optimizer, plan.clip is not None)
            knobs[knob] = value
        for name, (numbers, offer) in zip(names, pairs, strict=True):
            target = fixed.get(parts[name]) if value is None else value
            t = 1.0 if target is None else target / numbers.multiplier
            got[name] = taken(shifted(numbers, t, plan.optimizer), offer)
    tied = next((name for name in wanted if parts[name] == "tied"), None)
    logits = None
    if tied is not None:
        scale = forward_scale(plan, "logit", job.transformer.own)
        ideal = scale * got[tied].multiplier / wanted[tied].multiplier
        logits = fixed.get("logit", ideal)
        knobs["logit"] = logits
    return Settled(wanted, got, knobs, logits)


def require_adamw(job: Job) -> None:
    """Raises InputError for an optimizer that the stack's rules are not for."""
    name = job.plan.optimizer
    if name not in {"adamw", "adam"}:
        raise InputError(
            f"--format {job.document.format}: its rules are for AdamW, the plan is for {name}; "
            "take --format torch, lightning, hf or json"
        )
