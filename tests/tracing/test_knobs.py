"""Multipliers that modules offer as plain numbers."""

from __future__ import annotations

import torch
from torch import nn

from mutransfer_cli.tracing.knobs import Knob, attribute_of, knobs_of


class Attention(nn.Module):
    def __init__(self, **attributes: object) -> None:
        super().__init__()
        for name, value in attributes.items():
            setattr(self, name, value)


class Norm(Attention):
    """No attention by its name."""


Norm.__name__ = "Norm"


def test_ours_comes_before_that_of_hugging_face() -> None:
    both = Attention(attention_scale=0.5, scaling=0.25)
    assert attribute_of(both, "attention_scale") == "attention_scale"
    assert attribute_of(Attention(scaling=0.25), "attention_scale") == "scaling"


def test_what_only_looks_like_a_multiplier() -> None:
    assert attribute_of(Norm(scaling=0.25), "attention_scale") is None  # not of an attention
    assert attribute_of(Attention(scaling=True), "attention_scale") is None
    assert attribute_of(Attention(scaling=torch.ones(())), "attention_scale") is None
    assert attribute_of(Attention(), "residual_scale") is None


def test_every_multiplier_with_its_value() -> None:
    model = nn.Sequential(Attention(scaling=0.25), Attention(residual_multiplier=2, logit_scale=3))
    assert knobs_of(model) == {
        "attention_scale": Knob("scaling", 0.25),
        "residual_scale": Knob("residual_multiplier", 2.0),
        "logit_scale": Knob("logit_scale", 3.0),
    }
    assert knobs_of(nn.Linear(2, 2)) == {}
