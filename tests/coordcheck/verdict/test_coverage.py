"""Tensors without an update to judge: frozen, rarely reached, idle, or used outside the modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Subject, check
from mutransfer_cli.coordcheck.measure.effects import Effect
from mutransfer_cli.coordcheck.measure.width_training import Measurement
from mutransfer_cli.coordcheck.verdict.coverage import coverage_of
from tests.helpers.check_subjects import WIDTHS, failed, small_batch

EFFECT = Effect(1.0, 1.0, 1.0, 1.0)


def measurement(size: int, *, moved: bool, reached: bool = True, move: float = 1.0) -> Measurement:
    made = Measurement(size)
    if moved:
        made.effects["e"] = [EFFECT]
    if reached:
        made.trained.add("e")
        made.moves["e"] = move
    return made


def test_seeds_without_a_token_do_not_count() -> None:
    measured = [measurement(n, moved=True) for n in (64, 128)]
    unreached = [measurement(n, moved=False, reached=False) for n in (64, 128)]
    covered = coverage_of("e", measured + unreached)
    assert covered.problem is None and list(covered.measurements) == measured


def test_why_an_update_cannot_be_judged() -> None:
    reached = measurement(64, moved=True)
    cases = {
        "sparse": [reached, measurement(128, moved=False, reached=False)],
        "outside": [reached, measurement(128, moved=False)],
        "not-trained": [reached, measurement(128, moved=False, move=0.0)],
    }
    for problem, measurements in cases.items():
        assert coverage_of("e", measurements).problem == problem
    never = [measurement(n, moved=False, reached=False) for n in (64, 128)]
    assert coverage_of("e", never).problem == "not-trained"
    for m in never:
        m.frozen.add("e")
    assert coverage_of("e", never).problem == "frozen"


class Experts(nn.Module):
    """A mixture with top-2 routing, whose gate has the multiplier of a readout."""

    def __init__(self, width: int, count: int = 8) -> None:
        super().__init__()
        self.gate = nn.Linear(width, count, bias=False)
        nn.init.normal_(self.gate.weight, std=64**-0.5)
        self.width = width
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(count)
        )

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = torch.topk(self.gate(x * 64 / self.width), 2)
        weights = weights.softmax(-1)
        y = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            row, rank = torch.nonzero(chosen == number, as_tuple=True)
            if len(row):
                y = y.index_add(0, row, expert(x[row]) * weights[row, rank, None])
        return x + y


Net = Callable[[int], nn.Module]
Batch = Callable[[int], tuple[Tensor, Tensor]]


def large_batch(seed: int) -> tuple[Tensor, Tensor]:
    """Enough rows to reach every expert; a check takes only the first four of them."""
    g = torch.Generator().manual_seed(seed)
    return torch.randn(64, 6, generator=g), torch.randint(0, 3, (64,), generator=g)


def report_on(
    net: Net,
    loss: Callable[[Any, Any], Tensor],
    *unscaled: str,
    batch: Batch = small_batch,
) -> CheckReport:
    """Right under Adam but for the rates of the tensors named last; frozen ones are left out."""

    def rate(name: str, p: Tensor, width: int) -> float:
        fan = 1 / width if p.dim() == 2 and p.shape[1] == width and "gate" not in name else 1 / 64
        return 64 * fan * (width / 64 if name in unscaled else 1.0)

    def build(width: int) -> Subject:
        model = net(width)
        groups = [
            {"params": [p], "lr": 1e-3 * rate(n, p, width)}
            for n, p in model.named_parameters()
            if p.requires_grad
        ]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return check(build, WIDTHS)


def readout(width: int) -> nn.Linear:
    layer = nn.Linear(width, 3)
    nn.init.normal_(layer.weight, std=1 / width)
    return layer


def mixture(width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, width), nn.LayerNorm(width), Experts(width), nn.LayerNorm(width),
        readout(width),
    )  # fmt: skip


def plain_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def test_experts_that_few_tokens_reach() -> None:
    right = report_on(mixture, plain_loss, batch=large_batch)
    assert not failed(right), failed(right)
    wrong = report_on(mixture, plain_loss, "2.experts.0.0.weight", batch=large_batch)
    assert failed(wrong) in ({"2.experts.0.0.weight": "lr-too-large"}, {})
    assert wrong.verdict != "pass"


class Tempered(nn.Module):
    """A learned temperature; it returns an object."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, width), nn.Linear(width, width)
        self.last = readout(width)
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Categorical:
        h = torch.relu(self.second(torch.relu(self.first(x))))
        return Categorical(logits=self.last(h) / self.temperature.exp())


def likelihood(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    loss: Tensor = -model(batch[0]).log_prob(batch[1]).mean()
    return loss


def test_a_scalar_of_a_model_that_returns_a_distribution() -> None:
    assert report_on(Tempered, likelihood).passed
    assert "temperature" in failed(report_on(Tempered, likelihood, "temperature"))


class OutsideForward(Tempered):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(torch.relu(self.second(torch.relu(self.first(x)))))
        return y


def tempered_loss(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]) / model.temperature.exp(), batch[1])


def test_a_scalar_that_only_the_loss_uses() -> None:
    """Under Adam its own update must not depend on the width: Tensor Programs V, Table 8."""
    assert report_on(OutsideForward, tempered_loss).passed
    wrong = report_on(OutsideForward, tempered_loss, "temperature")
    assert failed(wrong) == {"temperature": "lr-too-large"}


def with_frozen_features(width: int) -> nn.Module:
    model = nn.Sequential(
        nn.Linear(6, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), readout(width)
    )
    model[0].requires_grad_(False)
    return model


def test_frozen_tensors_are_listed_and_their_inits_judged() -> None:
    right = report_on(with_frozen_features, plain_loss)
    assert right.passed
    assert "5 of 6" in right.document.reason or "4 of 6" in right.document.reason
    frozen = next(t for t in right.tensors if t.name == "0.weight")
    assert "frozen" in frozen.not_judged["update"] and frozen.aspects["init"] == "pass"
    assert right.document.not_judged["0.weight"] == dict(frozen.not_judged)
    assert "4.weight" not in right.document.not_judged  # the readout is judged whole

    def too_large(width: int) -> nn.Module:
        model = with_frozen_features(width)
        with torch.no_grad():
            model[0].weight.mul_(width / 64)  # type: ignore[index]
        return model

    assert failed(report_on(too_large, plain_loss)) == {"0.weight": "init-too-large"}


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_inits_of_recurrent_layers_are_judged(kind: type[nn.RNNBase]) -> None:
    """The standard deviation of a hidden matrix goes as width^-1/2; a constant one is too large."""

    class Reader(nn.Module):
        def __init__(self, width: int, constant: bool) -> None:
            super().__init__()
            self.token = nn.Embedding(50, width)
            self.states = kind(width, width, batch_first=True)
            if constant:
                nn.init.normal_(self.states.weight_hh_l0, std=0.05)
            self.norm, self.readout = nn.LayerNorm(width), readout(width)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.readout(self.norm(self.states(self.token(x))[0]))[:, -1]
            return y

    def batch(seed: int) -> tuple[Tensor, Tensor]:
        g = torch.Generator().manual_seed(seed)
        return torch.randint(0, 50, (8, 8), generator=g), torch.randint(0, 3, (8,), generator=g)

    def build(constant: bool) -> CheckReport:
        def subject(width: int) -> Subject:
            model = Reader(width, constant)
            groups = [
                {"params": [p], "lr": 1e-3 * (64 / width if n.startswith(("states.w", "readout.w"))
                                              else 1)}
                for n, p in model.named_parameters()
            ]  # fmt: skip
            return Subject(model, torch.optim.Adam(groups, eps=1e-12), plain_loss, batch)

        return check(subject, WIDTHS)

    assert (
        "init" in next(t for t in build(False).tensors if t.name == "states.weight_hh_l0").aspects
    )
    assert failed(build(True))["states.weight_hh_l0"] == "init-too-large"
