"""Experts behind gates: what is summed over, and what is not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from tests.helpers.traced_models import Net, traced, vectors


class Experts(nn.Module):
    """width/2 experts of 3 units, two of which see an input."""

    def __init__(self, width: int, gates: str) -> None:
        super().__init__()
        self.router = nn.Linear(width, width // 2, bias=False)
        self.up = nn.Parameter(torch.randn(width // 2, width, 3))
        self.down = nn.Parameter(torch.randn(width // 2, 3, width))
        self.gates = gates

    def forward(self, x: Tensor) -> Tensor:
        p = self.router(x).softmax(-1)
        v, i = p.topk(2, -1)
        if self.gates == "summing to one":
            v = v / v.sum(-1, keepdim=True)
        g = p if self.gates == "dense" else torch.zeros_like(p).scatter(-1, i, v)
        h = torch.einsum("bn,enf->bef", x, self.up).relu()
        return torch.einsum("bef,efn,be->bn", h, self.down, g)


@pytest.mark.parametrize("gates", ["summing to one", "dense"])
def test_experts_are_no_terms_of_the_sum(gates: str) -> None:
    """The down-projection sums over the 3 units of the experts that count, at any width."""
    family = traced(lambda w: Net(w, Experts(w, gates)), vectors())
    down, up = family.tensor("hidden.down"), family.tensor("hidden.up")
    assert down.in_dims == (1,) and down.fans((64, 3, 128))[0] == 3
    assert down.role == "input"  # finite to growing: init and Adam's rate are constant
    assert up.in_dims == (1,) and up.role in {"hidden", "expert"}


def test_weights_of_experts_that_fade_are_refused() -> None:
    torch.manual_seed(0)
    with pytest.raises(InputError, match=r"hidden\.down: the number of experts grows .* fades"):
        traced(lambda w: Net(w, Experts(w, "fading")), vectors())


class Attention(nn.Module):
    """Heads whose number grows: they are summed over, as the negative control."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(width, width // 4, 4))
        self.o = nn.Parameter(torch.randn(width // 4, 4, width))

    def forward(self, x: Tensor) -> Tensor:
        scores = torch.softmax(torch.ones(len(x), self.o.shape[0], 5, 5) * x[:, :1, None, None], -1)
        v = torch.einsum("bn,nhd->bhd", x, self.v)[:, None].expand(-1, 5, -1, -1)
        y = torch.einsum("bhqk,bkhd,hdo->bqo", scores, v, self.o)
        return y.mean(1)


def test_heads_are_terms_of_the_sum() -> None:
    output = traced(lambda w: Net(w, Attention(w)), vectors()).tensor("hidden.o")
    assert (output.role, output.in_dims) == ("hidden", (0, 1))
