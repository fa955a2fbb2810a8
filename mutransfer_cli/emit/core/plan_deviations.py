"""Deviations: the planned value, the value that the stack will use, and the consequence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mutransfer_cli.documents.scale import Deviation
from mutransfer_cli.documents.tensor_groups import LAYER_INDEX
from mutransfer_cli.emit.core.abc_symmetry import (
    RELATIVE_TOLERANCE,
    differ,
    rescaled,
    unexpressed,
)
from mutransfer_cli.emit.core.protocol import EmitRequest, ResolvedConfig
from mutransfer_cli.emit.core.resolve import planned_tied_logits


@dataclass(frozen=True, slots=True)
class NumberDeviation:
    """A number that the stack sets differently from the plan, for one tensor or several.

    Attributes:
        quantity: lr, init_std, weight_decay or eps.
        planned: Planned value, in the form that matches the stack's multipliers.
        actual: The value with which the stack will train.
        tensors: Names of the tensors.
        remedy: What makes it as planned, or what it is then; empty if nothing does.
    """

    quantity: str
    planned: float
    actual: float
    tensors: tuple[str, ...]
    remedy: str = ""


def patterns_of(names: Collection[str], all_names: Iterable[str]) -> list[str]:
    """Shell patterns that match these names and no others."""
    everything = list(all_names)
    patterns: list[str] = []
    for name in everything:
        if name not in names or any(fnmatchcase(name, p) for p in patterns):
            continue
        pattern = LAYER_INDEX.sub("*", name)
        matched = {n for n in everything if fnmatchcase(n, pattern)}
        patterns.append(pattern if matched <= set(names) else name)
    return patterns


def consequence(deviation: NumberDeviation) -> str:
    """The consequence of a deviation, and its remedy if it has one."""
    effect = effect_of(deviation)
    return f"{effect}; {deviation.remedy}" if deviation.remedy else effect


def effect_of(deviation: NumberDeviation) -> str:
    """What a deviation does to the training, in one sentence."""
    ratio = deviation.actual / deviation.planned if deviation.planned else None
    match deviation.quantity:
        case "lr":
            return f"moves at {ratio:.3g} times the planned rate, which was not tuned"
        case "init_std" if ratio is None:
            return "starts at random instead of zero"
        case "init_std":
            return f"starts {ratio:.3g} times as large as planned"
        case "weight_decay" if ratio is None:
            return "decays, which was not planned"
        case "weight_decay":
            return f"shrinks {ratio:.3g} times as much per step as planned"
        case _:
            return "harmless while eps is much smaller than the gradients"


def number_deviations(request: EmitRequest, resolved: ResolvedConfig) -> list[NumberDeviation]:
    """The numbers that deviate, with tensors that deviate alike in one deviation."""
    groups: dict[tuple[str, str, str], tuple[float, float, list[str]]] = {}
    for name, actual in resolved.actual.items():
        planned = resolved.planned[name]
        t = actual.multiplier / planned.multiplier
        ideal = rescaled(planned, t, request.plan.optimizer)
        for quantity, (a, b) in unexpressed(ideal, actual).items():
            assert a is not None and b is not None
            # a measured init differs from layer to layer: one deviation for all layers
            measured = quantity == "init_std" and planned.init_tolerance > RELATIVE_TOLERANCE
            key = (quantity, LAYER_INDEX.sub("*", name) if measured else f"{a:.6g}", f"{b:.6g}")
            groups.setdefault(key, (a, b, []))[2].append(name)
    return [
        NumberDeviation(
            quantity, a, b, tuple(names), resolved.remedies.get((quantity, names[0]), "")
        )
        for (quantity, _, _), (a, b, names) in groups.items()
    ]


def forward_deviations(request: EmitRequest, resolved: ResolvedConfig) -> list[Deviation]:
    """Deviations of the attention scale, and of the logits of a tied embedding."""
    deviations, plan = [], request.plan
    attention = plan.forward.get("attention_scale")
    if differ(attention, resolved.attention_scale):
        deviations.append(
            Deviation(
                what="attention_scale",
                wanted=attention,
                got=resolved.attention_scale,
                consequence="attention has another temperature than in the proxies",
            )
        )
    if resolved.tied_logits is not None:
        ideal = planned_tied_logits(request, resolved)
        if differ(ideal, resolved.tied_logits):
            deviations.append(
                Deviation(
                    what="logit_scale",
                    wanted=ideal,
                    got=resolved.tied_logits,
                    consequence="the tied embedding has another scale as the readout than in the "
                    "proxies",
                )
            )
    return deviations


def clipping_deviations(request: EmitRequest, resolved: ResolvedConfig) -> list[Deviation]:
    """The deviation of gradient clipping, if traded multipliers change some gradients."""
    if request.plan.clip is None:
        return []
    planned = resolved.planned
    factors = {
        name: f"{actual.multiplier / planned[name].multiplier:.4g}"
        for name, actual in resolved.actual.items()
        if differ(actual.multiplier, planned[name].multiplier)
    }
    if not factors:
        return []
    shown = ", ".join(
        f"{pattern} × {factor}"
        for factor in dict.fromkeys(factors.values())
        for pattern in patterns_of([n for n, v in factors.items() if v == factor], planned)
    )
    return [
        Deviation(
            what="clip",
            wanted=request.plan.clip,
            got=f"{request.plan.clip:g}, where these gradients are larger or smaller: {shown}",
            consequence="the norm that is clipped differs from that of the proxies, so that "
            "clipping sets in at other steps; nothing else changes",
        )
    ]


def all_deviations(
    request: EmitRequest, resolved: ResolvedConfig, numbers: Iterable[NumberDeviation]
) -> tuple[Deviation, ...]:
    """Everything that the stack will not do as planned."""
    names = [t.name for t in request.plan.tensors]
    return (
        *resolved.deviations,
        *(
            Deviation(
                what=f"{d.quantity} of {', '.join(patterns_of(d.tensors, names))}",
                wanted=d.planned,
                got=d.actual,
                consequence=consequence(d),
            )
            for d in numbers
        ),
        *forward_deviations(request, resolved),
        *clipping_deviations(request, resolved),
    )
