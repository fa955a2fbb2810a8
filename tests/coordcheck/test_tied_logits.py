"""Logits of a tied embedding without their multiplier, in front of a bias.

The expected findings are derived: with logits y = s W h + b and Adam, the effect of W's update is
m times too large without s = 1/m, and that of b's is right; b's would be m times too small if the
output, b included, were divided by m.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import BASE, WIDTHS, failed
from tests.helpers.repairs import multiply, repaired


class TiedLanguageModel(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Embedding(24, width)
        self.inner = nn.Linear(width, width)
        self.logits = nn.Linear(width, 24)
        self.logits.weight = self.token.weight

    def forward(self, tokens: Tensor) -> Tensor:
        y: Tensor = self.logits(torch.relu(self.inner(self.token(tokens))))
        return y


def without_multiplier(width: int, seed: int) -> Subject:
    torch.manual_seed(seed)
    model = TiedLanguageModel(width)
    nn.init.normal_(model.token.weight)
    nn.init.normal_(model.inner.weight, std=width**-0.5)
    nn.init.zeros_(model.inner.bias)
    nn.init.zeros_(model.logits.bias)
    hidden = {"params": [model.inner.weight], "lr": 2.0**-6 * BASE / width}
    others = [model.token.weight, model.inner.bias, model.logits.bias]
    adam = torch.optim.Adam([hidden, {"params": others, "lr": 2.0**-6}], eps=1e-12)

    def batch(seed: int) -> Tensor:
        return torch.randint(24, (2, 9), generator=torch.Generator().manual_seed(seed))

    def loss(net: nn.Module, tokens: Tensor) -> Tensor:
        return F.cross_entropy(net(tokens[:, :-1]).flatten(0, -2), tokens[:, 1:].flatten())

    return Subject(model, adam, loss, batch)


def test_the_multiplier_stands_before_the_bias() -> None:
    report = check(without_multiplier, WIDTHS)
    assert failed(report) == {"token.weight": "multiplier-missing"}
    (told,) = (t for t in report.tensors if t.verdict == "fail")
    assert told.fix == "multiply the logits, before a bias, by 1/m, m = width / base width"
    assert [(r.name, r.quantity, r.power) for r in told.repairs] == [("logits", "multiplier", -1.0)]

    def mended(width: int, seed: int) -> Subject:
        return repaired(without_multiplier, report.document)(width, seed)

    assert check(mended, WIDTHS).passed


@pytest.mark.slow
def test_a_multiplier_behind_the_bias_is_no_repair() -> None:
    def divided_behind_the_bias(width: int, seed: int) -> Subject:
        subject = without_multiplier(width, seed)
        head: Any = subject.model.get_submodule("logits")
        multiply(head, BASE / width, before_bias=False)
        return subject

    assert failed(check(divided_behind_the_bias, WIDTHS)) == {"logits.bias": "lr-too-small"}
