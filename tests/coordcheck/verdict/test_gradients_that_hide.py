"""Wrong rates under SGD whose effect looks right because of the gradient; rates by Table 3.

Tensor Programs V (arXiv 2203.03466, Table 3), SGD: m for inputs and vectors, 1 for hidden matrices,
1/m for matrices onto a fixed number. A number c behind a layer changes its rate by c^-2.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from tests.helpers.check_subjects import WIDTHS, failed, subject


class Port(nn.Module):
    """Embeddings times √width, logits over width/32, as ports of muP write them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tok, self.up = nn.Embedding(40, width), nn.Linear(width, width)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 40, bias=False)
        nn.init.normal_(self.tok.weight, std=width**-0.5)
        nn.init.normal_(self.head.weight, std=0.125)
        self.width = width

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok(tokens) * self.width**0.5
        logits: Tensor = self.head(self.norm(x + F.relu(self.up(x)))) / (self.width / 32)
        return logits


def next_tokens(model: nn.Module, tokens: Tensor) -> Tensor:
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


@pytest.mark.parametrize(
    ("wrong", "power"),
    [("", 0.0), ("tok.weight", 0.5), ("tok.weight", -0.5), ("head.weight", -0.5)],
)
def test_a_number_behind_a_layer_is_no_excuse_for_its_rate(wrong: str, power: float) -> None:
    """With c = √m the embedding's rate is m · m^-1 = 1; with c = 1/m the readout's 1/m · m² = m."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model, m = Port(width), width / 64
        rates = {n: m for n, _ in model.named_parameters()} | {"tok.weight": 1.0, "up.weight": 1.0}
        if wrong:
            rates[wrong] *= m**power
        return Subject(
            model,
            torch.optim.SGD([{"params": [p], "lr": 0.01 * rates[n]}
                             for n, p in model.named_parameters()]),
            next_tokens,
            lambda s: torch.randint(0, 40, (4, 13), generator=torch.Generator().manual_seed(s)),
        )  # fmt: skip

    finding = "lr-too-large" if power > 0 else "lr-too-small"
    assert failed(check(build, WIDTHS)) == ({wrong: finding} if wrong else {})


class Highway(nn.Module):
    """A gate of one number a sample: at init its gradient is a sum over the width of random signs.

    It fades like width^-1/2, and so does the effect of any rate.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.f = nn.Linear(16, width), nn.Linear(width, width)
        self.gate, self.head = nn.Linear(width, 1), nn.Linear(width, 4)
        nn.init.normal_(self.head.weight, std=1 / width)
        nn.init.normal_(self.gate.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        g = torch.sigmoid(self.gate(x))
        y: Tensor = self.head(g * torch.relu(self.f(x)) + (1 - g) * x)
        return y


@pytest.mark.parametrize("power", [0.0, 0.5, -0.5])
def test_a_gate_whose_gradient_fades_is_judged_by_its_rate(power: float) -> None:
    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        model, plain, m = Highway(width), subject()(width, seed), width / 64
        rates = {n: m for n, _ in model.named_parameters()}
        rates |= {"f.weight": 1.0, "head.weight": 1 / m, "gate.weight": m ** (power - 1)}
        rates |= {"head.bias": 1.0, "gate.bias": 1.0}
        groups = [{"params": [p], "lr": 0.05 * rates[n]} for n, p in model.named_parameters()]
        return Subject(model, torch.optim.SGD(groups), plain.loss, plain.batch)

    finding = "lr-too-large" if power > 0 else "lr-too-small"
    assert failed(check(build, WIDTHS)) == ({"gate.weight": finding} if power else {})
