"""Multipliers that a model offers as plain float attributes of its modules."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class Knob:
    """A multiplier that a model offers.

    Attributes:
        attribute: Name of the attribute on the model's modules.
        value: Its value at the base.
    """

    attribute: str
    value: float


# The attributes by which modules offer each multiplier: ours first, then Hugging Face's.
KNOBS = {
    "embedding_scale": ("embedding_scale", "embedding_multiplier"),
    "logit_scale": ("logit_scale",),
    "attention_scale": ("attention_scale", "scaling"),
    "residual_scale": ("residual_scale", "residual_multiplier"),
}


def attribute_of(module: nn.Module, name: str) -> str | None:
    """The attribute through which a module offers a multiplier as a plain number, or None."""
    for attribute in KNOBS[name]:
        value = getattr(module, attribute, None)
        if attribute == "scaling" and "Attention" not in type(module).__name__:
            continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            return attribute
    return None


def knobs_of(model: nn.Module) -> dict[str, Knob]:
    """Every multiplier that the model offers, with its current value."""
    knobs: dict[str, Knob] = {}
    for name in KNOBS:
        for module in model.modules():
            attribute = attribute_of(module, name)
            if attribute is not None:
                knobs[name] = Knob(attribute, float(getattr(module, attribute)))
                break
    return knobs
