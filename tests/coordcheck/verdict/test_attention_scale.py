"""A growing head size needs a scale that follows it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import WIDTHS, subject


@pytest.mark.parametrize("written", [False, True])
def test_attention_scale_of_a_growing_head(written: bool) -> None:
    class Attend(nn.Module):
        def __init__(self, width: int, power: float) -> None:
            super().__init__()
            self.first, self.q = nn.Linear(16, width), nn.Linear(width, width, bias=False)
            self.readout = nn.Linear(width, 4, bias=False)
            self.scale = width**power

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            h = self.first(x)[None, None]
            q = self.q(h)
            if written:
                y = ((q @ h.mT * self.scale).softmax(-1) @ h)[0, 0]
            else:
                y = nn.functional.scaled_dot_product_attention(q, h, h, scale=self.scale)[0, 0]
            out: torch.Tensor = self.readout(y / y.shape[-1])
            return out

    def build(width: int, seed: int, power: float) -> Subject:
        model = Attend(width, power)
        plain = subject()(width, seed)
        groups = [
            {"params": [p], "lr": 1e-3 * 64 / width if n == "q.weight" else 1e-3}
            for n, p in model.named_parameters()
        ]
        return Subject(model, torch.optim.AdamW(groups), plain.loss, plain.batch)

    report = check(lambda width, seed: build(width, seed, -0.5), WIDTHS)
    assert report.verdict == "fail"
    (fault,) = report.document.faults
    assert fault.finding == "attention-scale"
    # 64^-1/2 at the smallest width, where the head is 64: 8/64
    assert fault.fix is not None and "8/head_size" in fault.fix
    right = check(lambda width, seed: build(width, seed, -1.0), WIDTHS)
    assert not right.document.faults
