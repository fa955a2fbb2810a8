"""Multipliers that cannot be absorbed into a tensor, and where in the model each one goes."""

from __future__ import annotations

from collections.abc import Mapping

from mutransfer_cli.errors import InputError
from mutransfer_cli.rules import table
from mutransfer_cli.rules.plan import Site, Sizes
from mutransfer_cli.rules.settings import Settings
from mutransfer_cli.rules.shapes import Family, Shape, TensorShape

Forward = dict[str, float | None]


def attribute_line(name: str, line: str) -> str:
    return f"give the model a float attribute `{name}` (1.0 in __init__) and write `{line}`"


def forward_multipliers(
    family: Family,
    settings: Settings,
    shapes: Mapping[str, Shape],
    base: Sizes,
    target: Sizes,
) -> tuple[Forward, dict[str, Site]]:
    """Values by name (None: the model has no such thing), and the sites of those to install."""
    forward: Forward = {}
    sites: dict[str, Site] = {}
    forward["attention_scale"] = _attention(family, settings, base, target, sites)
    forward["residual_scale"] = _residual(family, settings, sites)
    forward["logit_scale"] = _logits(family, settings, shapes, sites)
    forward["embedding_scale"] = _embedding(family, settings, sites)
    return forward, sites


def _attention(
    family: Family, settings: Settings, base: Sizes, target: Sizes, sites: dict[str, Site]
) -> float | None:
    if not family.attention:
        if settings.attention_multiplier is not None:
            raise InputError("multipliers.attention: the model calls no attention function")
        return None
    seen = family.attention[0]
    heads_grow = family.head_growth != 1.0
    growth = target["width"] / base["width"] if heads_grow else 1.0
    power = table.attention_power(settings.parameterization)
    wanted = settings.attention_multiplier or seen.head_size**-0.5
    value: float = wanted * growth**power
    if "attention_scale" in family.knobs:
        sites["attention_scale"] = Site("attribute")
        return value
    if settings.attention_multiplier is not None:
        line = attribute_line("attention_scale", "scale=self.attention_scale")
        raise InputError(f"multipliers.attention: {seen.module} has no knob for it; {line}")
    if heads_grow and abs(family.scale_growth / family.head_growth**power - 1) > 1e-3:
        raise InputError(
            f"model: the head size grows with width in {seen.module or 'attention'}, and its scale "
            f"does not follow head_size**{power:g}; fix the head size, or "
            + attribute_line("attention_scale", "scale=self.attention_scale")
        )
    return float(seen.scale * growth**power)


def _residual(family: Family, settings: Settings, sites: dict[str, Site]) -> float | None:
    value = settings.residual_multiplier
    if value is None or value == 1.0:
        return value
    if "residual_scale" not in family.knobs:
        line = attribute_line("residual_scale", "x = x + self.residual_scale * branch")
        raise InputError(f"multipliers.residual: the model has no knob for it; {line}")
    sites["residual_scale"] = Site("attribute")
    return value


def _readout_power(tensor: TensorShape, settings: Settings) -> table.Power:
    if tensor.role == "tied":
        return table.tied_logits(settings.parameterization)
    return table.rule(settings.parameterization, "readout", settings.readout).multiplier


def _logits(
    family: Family, settings: Settings, shapes: Mapping[str, Shape], sites: dict[str, Site]
) -> float | None:
    readouts = [t for t in family.tensors if t.role in {"readout", "tied"}]
    if not readouts:
        return None
    values = set()
    for tensor in readouts:
        fans = [
            t.fans(s)[1 if tensor.role == "tied" else 0]
            for t, s in ((tensor, shapes[tensor.name]), (tensor, tensor.base_shape))
        ]
        ratio = fans[0] / fans[1]
        values.add(settings.logit_multiplier * _readout_power(tensor, settings)(ratio, 1.0))
    value = float(values.pop())
    if values:
        names = ", ".join(t.name for t in readouts)
        raise InputError(
            f"model: the readouts {names} grow by different ratios and need different multipliers;"
            " take rules.readout: absorbed"
        )
    if "logit_scale" in family.knobs:
        sites["logit_scale"] = Site("attribute")
        return value
    matrix = [(t, u) for t in readouts for u in t.uses if u.kind == "matrix"]
    astray = [t.name for t, u in matrix if not u.whole_input]
    needs_none = value == 1.0 and all(_readout_power(t, settings) == table.ONE for t in readouts)
    if needs_none:
        return value
    if astray:
        line = attribute_line("logit_scale", "logits = logits * self.logit_scale")
        alternative = (
            "" if any(t.role == "tied" for t in readouts) else (", or take rules.readout: absorbed")
        )
        raise InputError(
            f"model: {astray[0]} is applied inside a forward pass, where no hook can put its "
            f"multiplier; {line}{alternative}"
        )
    sites["logit_scale"] = Site("input", tuple(dict.fromkeys(u.module for _, u in matrix)))
    return value


def _embedding(family: Family, settings: Settings, sites: dict[str, Site]) -> float | None:
    lookups = [(t, u) for t in family.tensors for u in t.uses if u.kind == "lookup"]
    value = settings.embedding_multiplier
    if "embedding_scale" in family.knobs:
        sites["embedding_scale"] = Site("attribute")
        return value
    if not lookups:
        if value != 1.0:
            raise InputError("multipliers.embedding: the model has no embedding")
        return None
    if value == 1.0:
        return value
    if any(not u.whole_input for _, u in lookups):
        line = attribute_line("embedding_scale", "x = embedded * self.embedding_scale")
        raise InputError(f"multipliers.embedding: an embedding is used without a module; {line}")
    sites["embedding_scale"] = Site("output", tuple(dict.fromkeys(u.module for _, u in lookups)))
    return value
