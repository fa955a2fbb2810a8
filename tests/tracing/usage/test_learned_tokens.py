"""Learned tokens keep their size at the base where their own init would shrink with the width."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import plan


class Pooling(nn.Module):
    """Attention from learned queries, as in a set transformer or a perceiver."""

    def __init__(self, width: int, init: str) -> None:
        super().__init__()
        torch.manual_seed(width)
        self.embed = nn.Linear(3, width)
        self.queries = nn.Parameter(torch.empty(1, 32, width))
        if init == "xavier":
            nn.init.xavier_uniform_(self.queries)  # std = √(2 / (33 × width))
        else:
            nn.init.normal_(self.queries, std=0.02)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        queries = self.query(self.queries.expand(len(x), -1, -1))
        scores = queries @ self.key(h).mT / queries.shape[-1]
        y: Tensor = self.head((scores.softmax(-1) @ h).mean(1))
        return y


@pytest.mark.parametrize(("init", "expected"), [("xavier", "rescale"), ("normal", "keep")])
def test_queries_keep_their_size_and_others_their_init(init: str, expected: str) -> None:
    """The controls: an init of one size at every width, and biases, which fade beside the sum."""
    made = plan(
        lambda width: Pooling(width, init),
        base={"width": 64},
        target={"width": 256},
        optimizer={"name": "adamw", "lr": 0.01},
        batch=(torch.randn(2, 5, 3), torch.tensor([0, 1])),
    )
    tensors = {t.name: t for t in made.tensors}
    assert tensors["queries"].init == expected
    assert tensors["key.bias"].init == "keep"
    if expected == "rescale":
        assert tensors["queries"].init_std == pytest.approx((2 / (33 * 64)) ** 0.5, rel=0.1)
        model = Pooling(256, init)
        before = model.queries.std().item()
        made.initialize(model, seed=0)
        assert model.queries.std().item() == pytest.approx(2 * before, rel=0.1)
