"""Multipliers that cannot be absorbed into a tensor, and where in the model each one goes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from mutransfer_cli.errors import InputError
from mutransfer_cli.parameterization import init_tables as table
from mutransfer_cli.parameterization.depth_rules import branch_power
from mutransfer_cli.parameterization.settings import Settings
from mutransfer_cli.parameterization.unit_mup import residual_coefficients
from mutransfer_cli.plans.types import Site, Sizes
from mutransfer_cli.tracing.family import Family, Shape, TensorShape

Forward = dict[str, float | None]


def attribute_line(name: str, line: str) -> str:
    return f"give the model a float attribute `{name}` (1.0 in __init__) and write `{line}`"


def forward_multipliers(
    family: Family,
    settings: Settings,
    shapes: Mapping[str, Shape],
    base: Sizes,
    target: Sizes,
) -> tuple[Forward, dict[str, Site], bool]:
    """Values by name (None: the model has no such thing), and the sites of those to install.

    The last is whether the branches' multiplier has to be folded into the tensors that end them.
    """
    forward: Forward = {}
    sites: dict[str, Site] = {}
    forward["attention_scale"] = _attention(family, settings, base, target, sites)
    forward["residual_scale"], folded = _residual(family, settings, base, target, sites)
    forward["logit_scale"] = _logits(family, settings, shapes, sites)
    forward["embedding_scale"] = _embedding(family, settings, shapes, sites)
    if settings.parameterization == "umup":
        sites.clear()  # numbers only: a model needs the package's own operations to train so
        forward |= residual_coefficients(target["depth"], settings.residual_multiplier or 1.0)
    return forward, sites, folded


def _attention(
    family: Family, settings: Settings, base: Sizes, target: Sizes, sites: dict[str, Site]
) -> float | None:
    if not family.attention:
        if settings.attention_multiplier is not None:
            raise InputError(
                "the model calls no attention function", path=("multipliers", "attention")
            )
        return None
    seen = family.attention[0]
    heads_grow = family.head_growth != 1.0
    growth = target["width"] / base["width"] if heads_grow else 1.0
    if settings.parameterization == "umup":
        return (settings.attention_multiplier or 1.0) / (seen.head_size * growth)
    power = table.attention_power(settings.parameterization)
    wanted = settings.attention_multiplier or seen.scale
    value: float = wanted * growth**power
    knob = family.knobs.get("attention_scale")
    if knob is not None and abs(knob.value / seen.scale - 1) < 1e-3:  # it is the whole scale
        sites["attention_scale"] = Site("attribute", attribute=knob.attribute)
        return value
    if settings.attention_multiplier is not None:
        line = attribute_line("attention_scale", "scale=self.attention_scale")
        raise InputError(
            f"{seen.module} has no knob for it; {line}", path=("multipliers", "attention")
        )
    if heads_grow and abs(family.scale_growth / family.head_growth**power - 1) > 1e-3:
        raise InputError(
            f"model: the head size grows with width in {seen.module or 'attention'}, and its scale "
            f"does not follow head_size**{power:g}; fix the head size, or "
            + attribute_line("attention_scale", "scale=self.attention_scale")
        )
    return value


def _residual(
    family: Family, settings: Settings, base: Sizes, target: Sizes, sites: dict[str, Site]
) -> tuple[float | None, bool]:
    knob = family.knobs.get("residual_scale")
    value = settings.residual_multiplier
    power = branch_power(settings.parameterization, settings.depth_alpha)
    factor = float((target["depth"] / base["depth"]) ** power)
    if knob is not None:
        if value is None and factor == 1.0:
            return value, False
        sites["residual_scale"] = Site("attribute", attribute=knob.attribute)
        return (value if value is not None else knob.value) * factor, False
    line = attribute_line("residual_scale", "x = x + self.residual_scale * branch")
    if value not in (None, 1.0):
        raise InputError(f"the model has no knob for it; {line}", path=("multipliers", "residual"))
    if factor == 1.0:
        return value, False
    if not any(family.blocks.place(name) for name in family.ends):
        raise InputError(
            "no tensor is seen to end a residual branch, so the branches' multiplier "
            f"{factor:g} has nowhere to go; {line}",
            path=("model",),
        )
    return value, True


def _readout_power(tensor: TensorShape, settings: Settings) -> table.Power:
    if tensor.role == "tied":
        return table.tied_logits(settings.parameterization)
    return table.row(settings.parameterization, "readout", settings.readout).multiplier


def _logits(
    family: Family, settings: Settings, shapes: Mapping[str, Shape], sites: dict[str, Site]
) -> float | None:
    final = family.final_readouts
    readouts = [t for t in family.tensors if t.name in final]
    if not readouts:
        return None
    values = set()
    knob = family.knobs.get("logit_scale")
    asked = settings.logit_multiplier
    if knob is not None and asked == 1.0:
        asked = knob.value  # the model's own, where none is asked for
    for tensor in readouts:
        which = 1 if tensor.role == "tied" else 0
        fan = tensor.fans(shapes[tensor.name])[which]
        ratio = fan / tensor.fans(tensor.base_shape)[which]
        size = fan if settings.parameterization == "umup" else ratio
        own = ratio ** family.scale_powers.get(tensor.name, 0.0)  # the model's own
        values.add(asked * _readout_power(tensor, settings)(size, 1.0) / own)
    value = float(values.pop())
    if values:
        names = ", ".join(t.name for t in readouts)
        raise InputError(
            f"the readouts {names} grow by different ratios and need different multipliers;"
            " take rules.readout: absorbed",
            path=("model",),
        )
    if knob is not None:
        sites["logit_scale"] = Site("attribute", attribute=knob.attribute)
        return value
    matrix = [(t, u) for t in readouts for u in t.uses if u.kind in {"matrix", "convolution"}]
    astray = [t.name for t, u in matrix if not u.whole_input]
    needs_none = value == 1.0 and all(
        abs(_readout_power(t, settings).fan_in - family.scale_powers.get(t.name, 0.0)) < 1e-6
        for t in readouts
    )
    if needs_none:
        return value
    if astray and settings.parameterization != "umup":
        line = attribute_line("logit_scale", "logits = logits * self.logit_scale")
        alternative = (
            "" if any(t.role == "tied" for t in readouts) else (", or take rules.readout: absorbed")
        )
        raise InputError(
            f"{astray[0]} is applied inside a forward pass, where no hook can put its "
            f"multiplier; {line}{alternative}",
            path=("model",),
        )
    sites["logit_scale"] = Site("input", tuple(dict.fromkeys(u.module for _, u in matrix)))
    return value


def _embedding(
    family: Family, settings: Settings, shapes: Mapping[str, Shape], sites: dict[str, Site]
) -> float | None:
    lookups = [(t, u) for t in family.tensors for u in t.uses if u.kind == "lookup"]
    value = settings.embedding_multiplier
    knob = family.knobs.get("embedding_scale")
    if knob is not None:
        value = knob.value if value == 1.0 else value  # the model's own, where none is asked for
        sites["embedding_scale"] = Site("attribute", attribute=knob.attribute)
        return value
    if not lookups:
        if value != 1.0:
            raise InputError("the model has no embedding", path=("multipliers", "embedding"))
        return None
    undone = {  # what a model multiplies by a power of the width goes as that width no more
        t.name: (prod(shapes[t.name]) / prod(t.base_shape)) ** -family.lookup_powers[t.name]
        for t, _ in lookups
        if t.name in family.lookup_powers
    }
    if undone:
        scaled = [t.name for t, _ in lookups if t.name not in undone]
        if len(set(undone.values())) > 1 or (scaled and value != 1.0):
            raise InputError(
                f"the model multiplies {', '.join(undone)} by powers of the "
                "width, and other embeddings not; expected 1.0",
                path=("multipliers", "embedding"),
            )
        value *= next(iter(undone.values()))
        lookups = [(t, u) for t, u in lookups if t.name in undone]
    if value == 1.0:
        return value
    if any(not u.whole_input for _, u in lookups):
        line = attribute_line("embedding_scale", "x = embedded * self.embedding_scale")
        raise InputError(
            f"an embedding is used without a module; {line}", path=("multipliers", "embedding")
        )
    sites["embedding_scale"] = Site("output", tuple(dict.fromkeys(u.module for _, u in lookups)))
    return value
