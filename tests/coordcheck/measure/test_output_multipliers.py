"""A multiplier may stand after its module, as in Granite or nanoGPT: logits = head(x) / m."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.recorder import recording

After = Callable[[Tensor, float], Tensor]


class Net(nn.Module):
    """What follows its embedding and its head is given."""

    def __init__(self, width: int, m: float, embed: After, head: After) -> None:
        super().__init__()
        self.embed, self.body = nn.Embedding(16, width), nn.Linear(width, width)
        self.head = nn.Linear(width, 16, bias=False)
        self.m, self.after_embed, self.after_head = m, embed, head

    def forward(self, x: Tensor) -> Tensor:
        h = self.after_embed(self.embed(x), self.m)
        return self.after_head(self.head(h + torch.relu(self.body(h))), self.m)


def same(x: Tensor, m: float) -> Tensor:
    return x


def in_place(x: Tensor, m: float) -> Tensor:
    x *= 0.5
    return x.div_(m)


AFTER: dict[str, tuple[After, float]] = {  # what is done, and the factor at m = 4, by hand
    "nothing": (same, 1.0),
    "divided": (lambda x, m: x / m, 0.25),
    "number first": (lambda x, m: 3.0 * x, 3.0),
    "a tensor": (lambda x, m: torch.mul(x, torch.tensor(0.5)), 0.5),
    "in place": (in_place, 0.125),
    "in a chain": (lambda x, m: (x.float() / m).to(torch.float64) * 2, 0.5),
    "two ways": (lambda x, m: x / m + x, 1.0),
    "another function first": (lambda x, m: torch.tanh(x) / m, 1.0),
    "a parameter": (lambda x, m: x * nn.Parameter(torch.tensor(2.0)), 1.0),
    "a vector": (lambda x, m: x * torch.ones(16), 1.0),
    "looked at": (lambda x, m: x / (m if x.shape[0] and x.dim() else 1), 0.25),
}


@pytest.mark.parametrize("name", AFTER)
def test_what_follows_a_module(name: str) -> None:
    after, factor = AFTER[name]
    model = Net(8, 4.0, same, after)
    with recording(model) as calls:
        model(torch.arange(4)).square().mean().backward()
    assert calls.by_module["head"].output_multiplier == pytest.approx(factor)
    assert calls.by_module["embed"].output_multiplier == 1.0
    assert calls.by_module["body"].output_multiplier == 1.0


def subject(head: After, embed: After = same, rate: float = 0.0) -> Callable[..., Subject]:
    """Tensor Programs V, Table 8, for Adam; rate: exponent of the embedding's."""

    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        m = width / 64
        model = Net(width, m, embed, head)
        for p, std in ((model.embed, 0.1 * m**rate), (model.body, width**-0.5), (model.head, 0.1)):
            nn.init.normal_(p.weight, 0, std)
        nn.init.zeros_(model.body.bias)
        groups = [
            {"params": [model.embed.weight], "lr": 1e-3 * m**rate},
            {"params": [model.body.weight], "lr": 1e-3 / m},
            {"params": [model.body.bias, model.head.weight], "lr": 1e-3},
        ]

        def batch(seed: int) -> tuple[Tensor, Tensor]:
            both = torch.randint(0, 16, (2, 8), generator=torch.Generator().manual_seed(seed))
            return both[:1], both[1:]

        def loss(net: nn.Module, given: tuple[Tensor, Tensor]) -> Tensor:
            return F.cross_entropy(net(given[0]).flatten(0, 1), given[1].flatten())

        return Subject(model, torch.optim.AdamW(groups, eps=1e-12, weight_decay=0), loss, batch)

    return build


def failed(build: Callable[..., Subject]) -> set[str]:
    return {t.name for t in check(build, [64, 128, 256]).tensors if t.verdict == "fail"}


def test_the_check_counts_it() -> None:
    """Right, missing, twice: the readout; and an embedding that is traded for its multiplier."""
    assert failed(subject(lambda x, m: x / m)) == set()
    assert failed(subject(same)) == {"head.weight"}
    assert failed(subject(lambda x, m: x / m / m)) >= {"head.weight"}
    assert failed(subject(lambda x, m: x / m, lambda x, m: x * m**0.5, -0.5)) == set()
    assert failed(subject(lambda x, m: x / m, same, -0.5)) >= {"embed.weight"}
