"""Weights that a model rounds for quantization are no activations that are summed over."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mutransfer_cli.coordcheck.measure.contractions import ContractionTracer


class Rounded(nn.Module):
    """The rounded weight, with the gradient of the weight itself (straight-through)."""

    def forward(self, w: Tensor) -> Tensor:
        unit = w.abs().amax(dim=1, keepdim=True) / 127
        return w + ((w / unit).round() * unit - w).detach()


def test_a_rounded_weight_is_a_weight() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    parametrize.register_parametrization(model[1], "weight", Rounded())
    x, tracer = torch.randn(4, 8), ContractionTracer(model)
    with tracer.watching(model):
        model(x)
    assert tracer.found == []
    tracer = ContractionTracer(model)
    with tracer.watching(model):  # the control: a product of activations
        y = model(x)
        y @ y.T
    assert [c.terms for c in tracer.found] == [8]
