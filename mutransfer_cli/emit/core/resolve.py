"""From a plan and a stack's offers to the numbers that the stack will train with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt

from mutransfer_cli.emit.core.abc_symmetry import (
    RELATIVE_TOLERANCE,
    Numbers,
    Offer,
    best_multiplier,
    consumed,
    rescaled,
)
from mutransfer_cli.emit.core.decoder import Decoder
from mutransfer_cli.emit.core.decoder_parts import INNER, MULTIPLIERS, multiplier_of
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig
from mutransfer_cli.plans.plan import Plan
from mutransfer_cli.plans.types import TensorPlan


def forward_scale(plan: Plan, multiplier: str, model_multipliers: Mapping[str, float]) -> float:
    """The total of a multiplier: the plan's value, or the model's own where the plan has none."""
    value = plan.forward.get(f"{multiplier}_scale")
    total = model_multipliers.get(multiplier, 1.0) if value is None else value
    return total * model_multipliers.get(f"{multiplier}_factor", 1.0)


def tensor_numbers(t: TensorPlan, scale: float = 1.0) -> Numbers:
    """A tensor's planned numbers; a model's own init was measured on the base model's entries."""
    measured = t.init in {"rescale", "keep"}
    return Numbers(
        lr=t.lr,
        init_std=t.init_std,
        weight_decay=t.weight_decay,
        eps=t.eps,
        multiplier=t.multiplier * scale,
        init_tolerance=5 / sqrt(2 * prod(t.base_shape)) if measured else RELATIVE_TOLERANCE,
    )


def planned_numbers(plan: Plan, decoder: Decoder) -> dict[str, Numbers]:
    """The planned numbers of each tensor, with the total of what multiplies it."""
    scales = {name: forward_scale(plan, name, decoder.model_multipliers) for name in MULTIPLIERS}
    numbers = {}
    for t in plan.tensors:
        multiplier = multiplier_of(decoder.parts[t.name])
        numbers[t.name] = tensor_numbers(t, 1.0 if multiplier is None else scales[multiplier])
    return numbers


def common_init_std(request: EmitRequest, *parts: str) -> float | None:
    """One init for all matrices of these parts, by the RMS of their entries; None without any.

    Keys of a fixed head size have the role readout: they count only where no part is hidden.
    """
    names = set(request.decoder.names(*parts))
    tensors = [t for t in request.plan.tensors if t.name in names]
    tensors = [t for t in tensors if t.role == "hidden"] or tensors
    entries = [prod(t.base_shape) for t in tensors]
    squares = sum(n * (t.init_std or 0.0) ** 2 for n, t in zip(entries, tensors, strict=True))
    return sqrt(squares / sum(entries)) if tensors else None


@dataclass(frozen=True, slots=True)
class HiddenNumbers:
    """The numbers of the matrices inside the blocks, from which base values are derived."""

    init_std: float
    lr: float
    weight_decay: float
    eps: float


def hidden_numbers(request: EmitRequest) -> HiddenNumbers:
    """The init that all hidden matrices share, and the other numbers of the first of them."""
    names = set(request.decoder.names(*INNER))
    tensors = [t for t in request.plan.tensors if t.name in names]
    first = next((t for t in tensors if t.role == "hidden"), tensors[0])
    init_std = common_init_std(request, *INNER) or 0.0
    return HiddenNumbers(init_std, first.lr, first.weight_decay, first.eps or 0.0)


def shared_weight_decay(request: EmitRequest, hidden: HiddenNumbers) -> float:
    """Weight decay for a stack that has one for all tensors: never too much for the embedding.

    The embedding's, where it decays; else what takes no more off the hidden matrices per step than
    at the base.
    """
    for t in request.plan.tensors:
        if request.decoder.parts[t.name] in ("token", "tied"):
            return t.weight_decay or hidden.weight_decay * min(1.0, hidden.lr / t.lr)
    return hidden.weight_decay


def exact_config(request: EmitRequest) -> ResolvedConfig:
    """The plan as it is, for a stack that takes every number of every tensor.

    The stack also has to write the multipliers of `plan.forward` at `plan.sites`; that it leaves
    them out would not be reported.
    """
    numbers = {t.name: tensor_numbers(t) for t in request.plan.tensors}
    return ResolvedConfig(
        planned=numbers,
        actual=numbers,
        attention_scale=request.plan.forward.get("attention_scale"),
    )


@dataclass(frozen=True, slots=True)
class ResolvedTensors:
    """The numbers of every tensor, and the multipliers that make them fit the stack best.

    Attributes:
        planned: The plan's numbers, the total of multipliers included.
        actual: The stack's numbers.
        multipliers: By name: embedding, logit, residual.
        tied_logits: What multiplies the logits of a tied embedding; None without one.
    """

    planned: Mapping[str, Numbers]
    actual: Mapping[str, Numbers]
    multipliers: Mapping[str, float]
    tied_logits: float | None = None


def resolve_tensors(
    request: EmitRequest,
    offers: Mapping[str, Offer],
    fixed: Mapping[str, float],
    planned: Mapping[str, Numbers] | None = None,
) -> ResolvedTensors:
    """Choose the multipliers of embedding, logits and branches, and take what the stack offers.

    Args:
        request: What is to be written.
        offers: By part, with `_bias` for biases; a part without an offer takes every number.
        fixed: Multipliers that the stack does not have, and the number in their stead.
        planned: The numbers of every tensor; None: the plan's.
    """
    decoder, plan = request.decoder, request.plan
    planned = planned or planned_numbers(plan, decoder)
    names_by_multiplier: dict[str | None, list[str]] = {}
    for name in planned:
        names_by_multiplier.setdefault(multiplier_of(decoder.parts[name]), []).append(name)
    multipliers: dict[str, float] = {}
    actual: dict[str, Numbers] = {}
    for multiplier, names in names_by_multiplier.items():
        pairs = [(planned[name], offers.get(decoder.parts[name], Offer())) for name in names]
        chosen: float | None = None
        if multiplier is not None:
            chosen = fixed.get(multiplier)
            if chosen is None:
                chosen = best_multiplier(pairs, plan.optimizer, plan.clip is not None)
            multipliers[multiplier] = chosen
        for name, (numbers, offer) in zip(names, pairs, strict=True):
            target = fixed.get(decoder.parts[name]) if chosen is None else chosen
            t = 1.0 if target is None else target / numbers.multiplier
            actual[name] = consumed(rescaled(numbers, t, plan.optimizer), offer)
    tied = next((name for name in planned if decoder.parts[name] == "tied"), None)
    if tied is None:
        return ResolvedTensors(planned, actual, multipliers)
    scale = forward_scale(plan, "logit", decoder.model_multipliers)
    ideal = scale * actual[tied].multiplier / planned[tied].multiplier
    multipliers["logit"] = logits = fixed.get("logit", ideal)
    return ResolvedTensors(planned, actual, multipliers, logits)


def planned_tied_logits(request: EmitRequest, resolved: ResolvedConfig) -> float:
    """The logits' multiplier of a tied embedding that fits the embedding's own multiplier."""
    tied = next(t.name for t in request.plan.tensors if t.role == "tied")
    t = resolved.actual[tied].multiplier / resolved.planned[tied].multiplier
    return forward_scale(request.plan, "logit", request.decoder.model_multipliers) * t
