"""Multipliers that cannot be absorbed into a tensor, and where to install each in the model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization.plan_config import PlanConfig
from mutransfer_cli.parameterization.protocol import Parameterization
from mutransfer_cli.parameterization.rules.readout_form import (
    model_power,
    readout_power,
    readout_uses,
    unreachable_readouts,
)
from mutransfer_cli.plans.types import Site, Sizes
from mutransfer_cli.tracing.family import Family
from mutransfer_cli.tracing.roles import Shape

log = logging.getLogger(__name__)

NAMES = ("attention_scale", "residual_scale", "logit_scale", "embedding_scale")
SCALE_TOLERANCE = 1e-3  # relative, between two values that a model computes for one scale
POWER_TOLERANCE = 1e-6
Multiplier = tuple[float | None, Site | None]
"""Value (None: not in this model), and where to install it (None: nothing to install)."""


@dataclass(frozen=True, slots=True)
class ForwardMultipliers:
    """All multipliers outside of tensors.

    Attributes:
        values: Value of each multiplier by name; None: the model has no such multiplier.
        sites: Where to install those multipliers that have to be installed.
        folded: Whether the multiplier of the residual branches has to be folded into the tensors
            that end them.
    """

    values: dict[str, float | None]
    sites: dict[str, Site]
    folded: bool


def attribute_line(name: str, line: str) -> str:
    """The advice for a model that has no attribute for a multiplier."""
    return f"give the model a float attribute `{name}` (1.0 in __init__) and write `{line}`"


def forward_multipliers(
    family: Family,
    config: PlanConfig,
    parameterization: Parameterization,
    shapes: Mapping[str, Shape],
    base: Sizes,
    target: Sizes,
) -> ForwardMultipliers:
    """The multipliers of a model at the target.

    Args:
        family: The traced model.
        config: Hyperparameters and rules at the base.
        parameterization: The parameterization that the config names.
        shapes: Shapes of all tensors at the target.
        base: Sizes of the base.
        target: Sizes of the target.

    Raises:
        InputError: A multiplier cannot be installed, or is set although the model lacks what it
            multiplies.
    """
    if family.pretrained:  # it computes what it did
        return ForwardMultipliers(dict.fromkeys(NAMES), {}, False)
    attention = _attention(family, config, parameterization, base, target)
    residual, folded = _residual(family, config, parameterization, base, target)
    multipliers = {
        "attention_scale": attention,
        "residual_scale": residual,
        "logit_scale": _logits(family, config, parameterization, shapes),
        "embedding_scale": _embedding(family, config, shapes),
    }
    values = {name: value for name, (value, _) in multipliers.items()}
    sites = {name: site for name, (_, site) in multipliers.items() if site is not None}
    if parameterization.unit_scaled:
        sites = {}  # numbers only: models need the unit-scaling package's operations
    values |= parameterization.residual_coefficients(
        target["depth"], config.residual_multiplier or 1.0
    )
    return ForwardMultipliers(values, sites, folded)


def _attention(
    family: Family,
    config: PlanConfig,
    parameterization: Parameterization,
    base: Sizes,
    target: Sizes,
) -> Multiplier:
    given = config.attention_multiplier
    if not family.attention:
        if given is not None:
            raise InputError(
                "the model calls no attention function", path=("multipliers", "attention")
            )
        return None, None
    call = family.attention[0]
    heads_grow = family.head_growth != 1.0
    growth = target["width"] / base["width"] if heads_grow else 1.0
    value = parameterization.attention_scale(given, call.scale, call.head_size, growth)
    if parameterization.unit_scaled:
        return value, None
    knob = family.knobs.get("attention_scale")
    if knob is not None and abs(knob.value / call.scale - 1) < SCALE_TOLERANCE:
        # the attribute is the scale itself
        return value, Site("attribute", attribute=knob.attribute)
    line = attribute_line("attention_scale", "scale=self.attention_scale")
    if given is not None:
        raise InputError(
            f"{call.module} has no attribute for it; {line}", path=("multipliers", "attention")
        )
    power = parameterization.attention_power
    if abs(family.scale_growth / family.head_growth**power - 1) > SCALE_TOLERANCE:
        raise InputError(
            f"the head size grows with width in {call.module or 'attention'}, and its scale "
            f"does not follow head_size**{power:g}; fix the head size (in a recipe by heads "
            f"that grow too, such as heads: 0.03125 in model.width for heads of 32), or {line}"
            if heads_grow
            else f"the scale of q·k in {call.module or 'attention'} changes with the width, and "
            f"its head size does not; give it the same scale at every width",
            path=("model",),
        )
    return value, None


def _residual(
    family: Family,
    config: PlanConfig,
    parameterization: Parameterization,
    base: Sizes,
    target: Sizes,
) -> tuple[Multiplier, bool]:
    """The multiplier of every residual branch, and whether it has to be folded into tensors."""
    knob = family.knobs.get("residual_scale")
    given = config.residual_multiplier
    power = parameterization.branch_power(config.depth_alpha)
    factor = float((target["depth"] / base["depth"]) ** power)
    if knob is not None:
        if given is None and factor == 1.0:
            return (given, None), False
        value = (given if given is not None else knob.value) * factor
        return (value, Site("attribute", attribute=knob.attribute)), False
    line = attribute_line("residual_scale", "x = x + self.residual_scale * branch")
    if given not in (None, 1.0):
        raise InputError(
            f"the model has no attribute for it; {line}", path=("multipliers", "residual")
        )
    if factor == 1.0:
        return (given, None), False
    if not any(family.blocks.holds(name) for name in family.ends):
        raise InputError(
            "no tensor was found to end a residual branch, so the branches' multiplier "
            f"{factor:g} cannot be folded into any; {line}",
            path=("model",),
        )
    log.info("the branches' multiplier %g is folded into the tensors that end them", factor)
    return (given, None), True


def _logits(
    family: Family,
    config: PlanConfig,
    parameterization: Parameterization,
    shapes: Mapping[str, Shape],
) -> Multiplier:
    final = family.final_readouts
    readouts = [t for t in family.tensors if t.name in final]
    if not readouts:
        return None, None
    knob = family.knobs.get("logit_scale")
    at_base = config.logit_multiplier
    if knob is not None and at_base == 1.0:
        at_base = knob.value  # the model's own, where the config gives none
    powers = {t.name: readout_power(t, config, parameterization) for t in readouts}
    values = set()
    for tensor in readouts:
        index = 1 if tensor.role == "tied" else 0  # a tied readout sums over its fan-out
        fan = tensor.fans(shapes[tensor.name])[index]
        ratio = fan / tensor.fans(tensor.base_shape)[index]
        size = fan if parameterization.unit_scaled else ratio
        model_factor = ratio ** model_power(tensor, family, config)
        values.add(at_base * powers[tensor.name](size, 1.0) / model_factor)
    value = float(values.pop())
    if values:
        names = ", ".join(t.name for t in readouts)
        raise InputError(
            f"the readouts {names} grow by different ratios and need different multipliers;"
            " use rules.readout: absorbed",
            path=("model",),
        )
    if knob is not None:
        return value, Site("attribute", attribute=knob.attribute)
    model_applies_power = all(
        abs(powers[t.name].fan_in - model_power(t, family, config)) < POWER_TOLERANCE
        for t in readouts
    )
    if value == 1.0 and model_applies_power:
        return value, None
    unreachable = unreachable_readouts(family)
    if unreachable and not parameterization.unit_scaled:
        line = attribute_line("logit_scale", "logits = logits * self.logit_scale")
        alternative = "" if family.tied else ", or use rules.readout: absorbed"
        raise InputError(
            f"{unreachable[0]} is applied inside a forward pass, where no hook can put its "
            f"multiplier; {line}{alternative}",
            path=("model",),
        )
    return value, Site("input", tuple(dict.fromkeys(u.module for _, u in readout_uses(family))))


def _embedding(family: Family, config: PlanConfig, shapes: Mapping[str, Shape]) -> Multiplier:
    lookups = [(t, u) for t in family.tensors for u in t.uses if u.kind == "lookup"]
    value = config.embedding_multiplier
    knob = family.knobs.get("embedding_scale")
    if knob is not None:  # the model's own value, where the config gives none
        value = knob.value if value == 1.0 else value
        return value, Site("attribute", attribute=knob.attribute)
    if not lookups:
        if value != 1.0:
            raise InputError("the model has no embedding", path=("multipliers", "embedding"))
        return None, None
    # If the model multiplies its embedding by a power of the width, the multiplier undoes that.
    undone = {
        t.name: (prod(shapes[t.name]) / prod(t.base_shape)) ** -family.lookup_powers[t.name]
        for t, _ in lookups
        if t.name in family.lookup_powers
    }
    if undone:
        others = [t.name for t, _ in lookups if t.name not in undone]
        if len(set(undone.values())) > 1 or (others and value != 1.0):
            raise InputError(
                f"the model multiplies {', '.join(undone)} by powers of the "
                "width, but not its other embeddings; expected 1.0",
                path=("multipliers", "embedding"),
            )
        value *= next(iter(undone.values()))
        lookups = [(t, u) for t, u in lookups if t.name in undone]
    if value == 1.0:
        return value, None
    if any(not u.whole_input or u.module not in family.lookups for _, u in lookups):
        line = attribute_line("embedding_scale", "x = embedded * self.embedding_scale")
        raise InputError(
            f"an embedding is applied outside of an embedding module; {line}",
            path=("multipliers", "embedding"),
        )
    return value, Site("output", tuple(dict.fromkeys(u.module for _, u in lookups)))
