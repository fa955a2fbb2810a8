"""Tensors without a gradient: those that cannot matter, and those that somebody cut off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.idle_tensors import idle_tensors

TRAINED = {"first.weight", "first.bias", "hidden.weight", "hidden.bias", "last.weight"}


class Hamiltonian(nn.Module):
    """A field that is the gradient of a network's output: its last bias falls out."""

    def __init__(self, width: int, mistake: str = "") -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(2, width), nn.Linear(width, width)
        self.last, self.mistake = nn.Linear(width, 1), mistake

    def energy(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.first(x))
        if self.mistake == "detached":
            h = torch.tanh(F.linear(h, self.hidden.weight, self.hidden.bias.detach()))
        else:
            h = torch.tanh(self.hidden(h))
        y: Tensor = self.last(h)
        return y

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)
        return gradient.flip(-1)


def points(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(8, 2, generator=generator), torch.randn(8, 2, generator=generator)


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.mse_loss(model(batch[0]), batch[1])


def subject(width: int, mistake: str = "") -> Subject:
    model = Hamiltonian(width, mistake)
    nn.init.normal_(model.last.weight, std=1 / width)
    scaled = 64 / width
    groups = [
        {"params": [p], "lr": 1e-3 * (scaled if n in {"hidden.weight", "last.weight"} else 1.0)}
        for n, p in model.named_parameters()
    ]
    return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, points)


def test_a_bias_that_the_loss_cannot_see_is_idle() -> None:
    made = subject(16)
    before = made.model.last.bias.detach().clone()
    assert idle_tensors(made, points(0), TRAINED) == {"last.bias"}
    assert torch.equal(made.model.last.bias, before)


def test_one_that_the_loss_sees_is_not() -> None:
    """Detached, it has no gradient, but another value changes the loss."""
    made = subject(16, "detached")
    assert idle_tensors(made, points(0), TRAINED - {"hidden.bias"}) == {"last.bias"}


def test_a_layer_that_nothing_trains_is_not_idle() -> None:
    assert idle_tensors(subject(16), points(0), {"first.weight"}) == set()


@pytest.mark.parametrize("mistake", ["", "detached"])
def test_the_check_lists_it_and_still_finds_the_other(mistake: str) -> None:
    report = check(lambda width: subject(width, mistake), (32, 64, 128))
    found = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert found == ({"hidden.bias": "not-trained"} if mistake else {})
    assert any("last.bias" in note for note in report.document.notes)
