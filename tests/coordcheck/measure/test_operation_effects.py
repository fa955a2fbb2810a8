"""Raw parameters are judged by the functions that use them, not by the model's output."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Subject, check
from mutransfer_cli.coordcheck.measure.operation_effects import inner_operations
from mutransfer_cli.coordcheck.measure.recorder import recording
from tests.helpers.check_subjects import WIDTHS, failed, small_batch, small_loss

Rate = Callable[[str, int], float]


def report_on(net: Callable[[int], nn.Module], rate: Rate) -> CheckReport:
    def build(width: int) -> Subject:
        model = net(width)
        groups = [{"params": [p], "lr": 1e-3 * rate(n, width)} for n, p in model.named_parameters()]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), small_loss, small_batch)

    return check(build, WIDTHS)


class Adapter(nn.Module):
    """A low-rank adapter whose matrices are the model's own; the second starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, width), nn.Linear(width, 3)
        self.base = nn.Parameter(torch.randn(width, width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(4, width) * 8 / width)
        self.up = nn.Parameter(torch.zeros(width, 4))
        nn.init.normal_(self.last.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        adapted = F.linear(h, self.base) + h @ self.down.T @ self.up.T
        y: Tensor = self.last(torch.relu(adapted))
        return y


def adapter_rate(name: str, width: int) -> float:
    """Table 8 of Tensor Programs V under Adam: 1/m where a sum over the width is taken."""
    return 64 / width if name in {"base", "down", "last.weight"} else 1.0


def test_an_adapter_of_the_model_itself() -> None:
    assert report_on(Adapter, adapter_rate).passed
    for tensor, finding in (("up", "lr-too-large"), ("down", "lr-too-large")):
        wrong = report_on(
            Adapter,
            lambda n, w, t=tensor: adapter_rate(n, w) * (w / 64 if n == t else 1),  # type: ignore[misc]  # bound early
        )
        assert failed(wrong) == {tensor: finding}


def test_inits_of_raw_matrices_are_judged() -> None:
    def too_large(width: int) -> nn.Module:
        model = Adapter(width)
        nn.init.normal_(model.base, std=1 / 8)
        return model

    assert failed(report_on(too_large, adapter_rate)) == {"base": "init-too-large"}


class SoftMixture(nn.Module):
    """Small experts that all tokens reach; their number grows with the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        count = width // 16
        self.first, self.last = nn.Linear(6, width), nn.Linear(width, 3)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.router = nn.Parameter(torch.zeros(width, count))
        self.up = nn.Parameter(torch.randn(count, width, 32) * width**-0.5)
        self.down = nn.Parameter(torch.randn(count, 32, width) * 32**-0.5)
        nn.init.normal_(self.last.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.before(self.first(x))
        gates = (h @ self.router).softmax(-1)
        hidden = F.gelu(torch.einsum("bi,eij->bej", h, self.up))
        h = h + torch.einsum("bej,ejo,be->bo", hidden, self.down, gates)
        y: Tensor = self.last(self.after(h))
        return y


def mixture_rate(name: str, width: int) -> float:
    return 64 / width if name in {"router", "up", "last.weight"} else 1.0


def test_experts_that_all_tokens_reach() -> None:
    assert report_on(SoftMixture, mixture_rate).passed
    wrong = report_on(SoftMixture, lambda n, w: 1.0 if n == "up" else mixture_rate(n, w))
    assert failed(wrong) == {"up": "lr-too-large"}


class SortedExperts(nn.Module):
    """Two experts on the rows of a batch that are sorted for them, as Hugging Face's mixtures."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, width), nn.Linear(width, 3)
        self.up = nn.Parameter(torch.randn(2, width, width) * width**-0.5)
        self.down = nn.Parameter(torch.randn(2, width, width) * width**-0.5)
        nn.init.normal_(self.last.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        ends = torch.tensor([len(x) // 2, len(x)], dtype=torch.int32)
        h = torch.relu(self.first(x))
        h = torch.relu(F.grouped_mm(h, self.up.transpose(-2, -1), offs=ends))
        y: Tensor = self.last(F.grouped_mm(h, self.down.transpose(-2, -1), offs=ends))
        return y


def sorted_rate(name: str, width: int) -> float:
    """Table 8: hidden matrices and a readout without multiplier learn at 1/m."""
    return 64 / width if name in {"up", "down", "last.weight"} else 1.0


@pytest.mark.skipif(not hasattr(F, "grouped_mm"), reason="torch 2.10 and later have it")
def test_an_init_of_sorted_experts_is_judged_and_named() -> None:
    def too_large(width: int) -> nn.Module:
        model = SortedExperts(width)
        with torch.no_grad():
            model.down.mul_((width / 64) ** 0.5)
        return model

    assert failed(report_on(too_large, sorted_rate)) == {"down": "init-too-large"}


def test_a_layer_that_is_its_module_is_no_inner_operation() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.LayerNorm(2))
    with recording(model) as calls:
        model(torch.randn(5, 4)).square().sum().backward()
    assert inner_operations(calls) == {}


class Cosines(nn.Module):
    """Two towers, cosines of their outputs, and a learned temperature."""

    def __init__(self, width: int, bias: bool = True) -> None:
        super().__init__()
        self.a, self.b = (
            nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, width, bias))
            for _ in "ab"
        )
        self.temperature = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        a, b = F.normalize(self.a(x), dim=-1), F.normalize(self.b(y), dim=-1)
        return a @ b.T * self.temperature.exp()


def pairs(seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 6, generator=g), torch.randn(8, 6, generator=g)


def contrast(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    scores = model(*batch)
    return F.cross_entropy(scores, torch.arange(len(scores)))


def with_temperature(power: float, kind: str = "adam") -> CheckReport:
    def build(width: int) -> Subject:
        # the gradients of a last bias cancel in the sum over a batch, up to width^-1/2
        model, m = Cosines(width, bias=kind == "adam"), width / 64
        # Table 8: with SGD the rates of matrices are constant, others grow
        hidden, others = (1 / m, 1.0) if kind == "adam" else (1.0, m)
        rates = {"a.2.weight": hidden, "b.2.weight": hidden, "temperature": m**power}
        groups = [
            {"params": [p], "lr": 1e-3 * rates.get(n, others)} for n, p in model.named_parameters()
        ]
        made = torch.optim.SGD(groups) if kind == "sgd" else torch.optim.Adam(groups, eps=1e-12)
        return Subject(model, made, contrast, pairs)

    return check(build, WIDTHS)


def test_a_temperature_of_cosines_that_shrink() -> None:
    """Cosines of independent vectors go as width^-1/2; the rate is right if it is constant."""
    assert with_temperature(0.0).passed
    assert failed(with_temperature(-1.0)) == {"temperature": "lr-too-small"}
    assert failed(with_temperature(1.0)).keys() <= {"temperature"}
    assert not with_temperature(1.0).passed


@pytest.mark.parametrize(
    ("power", "finding"), [(0.0, None), (1.0, "lr-too-large"), (-1.0, "lr-too-small")]
)
def test_a_temperature_under_sgd(power: float, finding: str | None) -> None:
    """Its gradient shrinks with the cosines; its rate alone tells."""
    report = with_temperature(power, "sgd")
    assert failed(report) == ({"temperature": finding} if finding else {})
    assert report.passed == (finding is None)
