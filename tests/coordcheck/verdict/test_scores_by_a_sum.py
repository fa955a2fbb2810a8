"""Scores of a parameter as a product and a sum, as graph attention computes them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import Subject, check, plan
from mutransfer_cli.coordcheck.report.result import CheckReport

BASE, WIDTHS, RATE = 64, (64, 128, 256), 3e-3


class Scored(nn.Module):
    """Weighs hidden units by gates, whose scores are h · a.

    Args:
        width: The width.
        times: How often they are weighed in a pass.
    """

    def __init__(self, width: int, times: int = 1) -> None:
        super().__init__()
        self.times = times
        self.first = nn.Linear(8, width)
        self.second = nn.Linear(width, width)
        self.a = nn.Parameter(torch.randn(width) * width**-0.5)
        self.last = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.second(torch.relu(self.first(x))))
        for _ in range(self.times):
            h = h * torch.sigmoid((h * self.a).sum(-1, keepdim=True))
        out: Tensor = self.last(h)
        return out


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=generator)
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def bare(width: int) -> Subject:
    return Subject(Scored(width), None, loss, batch)


def checked(init: float = 0.0, rate: float = 0.0, times: int = 1) -> CheckReport:
    """The check of a planned model with the init and rate of `a` off by powers of the width."""

    def build(width: int, seed: int) -> Subject:
        made = plan(
            bare,
            base={"width": BASE},
            target={"width": width},
            optimizer={"name": "adam", "lr": RATE},
        )
        torch.manual_seed(seed)
        model = Scored(width, times)
        made.initialize(model, seed=seed)
        made.install(model)
        with torch.no_grad():
            model.a.mul_((width / BASE) ** init)
        named = dict(model.named_parameters())
        wrong = {"a": (width / BASE) ** rate}
        groups = [
            {"params": [named[t.name]], "lr": t.lr * wrong.get(t.name, 1.0), "eps": t.eps or 1e-8}
            for t in made.tensors
        ]
        optimizer = torch.optim.Adam(groups)
        return Subject(model, optimizer, loss, batch)

    return check(build, WIDTHS)


def test_the_plan_takes_the_parameter_for_a_readout() -> None:
    """Maximal update for a sum over n terms without a multiplier: init and rate ∝ 1/n."""
    made = plan(
        bare,
        base={"width": 64},
        target={"width": 256},
        optimizer={"name": "adam", "lr": RATE},
    )
    (a,) = [tensor for tensor in made.tensors if tensor.name == "a"]
    assert a.role == "readout"
    assert a.lr == pytest.approx(RATE / 4)
    assert a.init_std == pytest.approx(64**-0.5 / 4, rel=0.3)  # measured on 64 entries


@pytest.mark.parametrize("times", [1, 3])
def test_a_planned_model_passes(times: int) -> None:
    assert checked(times=times).verdict == "pass"


@pytest.mark.parametrize(
    ("init", "rate", "finding"),
    [(0.0, 1.0, "lr-too-large"), (0.0, -1.0, "lr-too-small"), (1.0, 0.0, "init-too-large")],
)
def test_a_wrong_power_is_named_with_its_repair(init: float, rate: float, finding: str) -> None:
    found = checked(init, rate)
    (wrong,) = [tensor for tensor in found.tensors if tensor.verdict == "fail"]
    assert (wrong.name, wrong.finding) == ("a", finding)
    (repair,) = wrong.repairs
    assert repair.power == pytest.approx(-(init + rate))
