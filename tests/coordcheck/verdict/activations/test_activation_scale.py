"""Activations that no tensor explains: sums over the width, and factors between the modules."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli import CheckReport, Subject, check
from mutransfer_cli.coordcheck.measure.stream_sums import StreamSums
from mutransfer_cli.coordcheck.verdict.activations import activation_scale
from mutransfer_cli.coordcheck.verdict.expected_exponents import Expectation
from mutransfer_cli.coordcheck.verdict.slopes import fit_slope
from tests.helpers.check_subjects import WIDTHS, failed
from tests.helpers.repairs import repaired

Join = Callable[[Tensor, Tensor], Tensor]


def tower(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))


class Towers(nn.Module):
    """Two towers whose outputs, of shape (rows, width), are joined to one number a row."""

    def __init__(self, width: int, join: Join) -> None:
        super().__init__()
        self.left, self.right = tower(6, width), tower(5, width)
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.left(x[:, :6]), self.right(x[:, 6:]))


def batch(seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(8, 11, generator=g), torch.rand(8, generator=g).round()


def loss(model: nn.Module, b: tuple[Tensor, Tensor]) -> Tensor:
    return F.binary_cross_entropy_with_logits(model(b[0]), b[1])


def report_on(net: Callable[[int], nn.Module]) -> CheckReport:
    """Rates as Table 8 of Tensor Programs V wants them under Adam: 1/m for hidden matrices."""

    def build(width: int) -> Subject:
        model = net(width)
        groups: list[dict[str, Any]] = [
            {"params": [p], "lr": 1e-3 * (64 / width if p.shape == (width, width) else 1)}
            for p in model.parameters()
        ]
        return Subject(model, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return check(build, WIDTHS)


def joined(join: Join) -> CheckReport:
    return report_on(lambda width: Towers(width, join))


def product_and_sum(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)


def einsum(a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum("bi,bi->b", a, b)


def bmm(a: Tensor, b: Tensor) -> Tensor:
    return torch.bmm(a[:, None], b[:, :, None])[:, 0, 0]


def matmul(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T).diagonal()


def distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).pow(2).sum(-1)


def vecdot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a, b)


@pytest.mark.parametrize("join", [product_and_sum, einsum, bmm, matmul, distance, vecdot])
def test_a_sum_over_the_width_needs_one_over_the_width(join: Join) -> None:
    """It changes by n when its terms align: 1/n is right, nothing and 1/√n are not."""
    for power, right in ((-1.0, True), (-0.5, False), (0.0, False)):

        def scaled(a: Tensor, b: Tensor, power: float = power) -> Tensor:
            return join(a, b) * (8 * (a.shape[-1] / 64) ** power / 64)

        report = joined(scaled)
        faults = [f.finding for f in report.document.faults]
        assert faults == ([] if right else ["sum-over-width"]), (power, report.sentences)
        assert report.passed is right
        if not right:
            (repair,) = report.document.faults[0].repairs
            assert (repair.quantity, repair.power) == ("multiplier", -1 - power)


def root_of_squares(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).pow(2).sum(-1).sqrt()


def norm(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).norm(dim=-1)


def vector_norm(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vector_norm(a - b, dim=-1)


def pairwise(a: Tensor, b: Tensor) -> Tensor:
    return F.pairwise_distance(a, b)


def cdist(a: Tensor, b: Tensor) -> Tensor:
    return torch.cdist(a[:, None], b[:, None])[:, 0, 0]


@pytest.mark.parametrize("join", [root_of_squares, norm, vector_norm, pairwise, cdist])
def test_a_distance_over_the_width_needs_one_over_its_root(join: Join) -> None:
    """A distance of n entries of size 1 is √n, its square n."""
    for exponent, power, right in ((1, -0.5, True), (1, 0.0, False), (2, -1.0, True)):

        def scaled(a: Tensor, b: Tensor, e: int = exponent, p: float = power) -> Tensor:
            return join(a, b) ** e * (8 * (a.shape[-1] / 64) ** p / 64)

        report = joined(scaled)
        faults = report.document.faults
        assert [f.finding for f in faults] == ([] if right else ["sum-over-width"])
        if not right:
            assert faults[0].repairs[0].power == -0.5


def cosine(a: Tensor, b: Tensor) -> Tensor:
    return 5 * (F.normalize(a, dim=-1) * F.normalize(b, dim=-1)).sum(-1)


def cosine_by_hand(a: Tensor, b: Tensor) -> Tensor:
    lengths = (a.pow(2).sum(-1) + 1e-9).sqrt() * (b * b).sum(-1).pow(0.5)
    return 5 * (a * b).sum(-1) / lengths


def cosine_by_norms(a: Tensor, b: Tensor) -> Tensor:
    inverse = 1 / torch.linalg.vector_norm(b, dim=-1)
    return 5 * (a * b).sum(-1) * inverse / a.norm(dim=-1).clamp(min=1e-6)


def gated(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1) * torch.sigmoid(a.mean(-1))


def mean(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).mean(-1)


def test_sums_that_are_right_without_it() -> None:
    """Rows of unit length, a mean, and sums by which others are divided."""
    assert not joined(cosine).document.faults
    assert not joined(mean).document.faults
    assert not joined(cosine_by_hand).document.faults
    assert not joined(cosine_by_norms).document.faults
    assert [f.finding for f in joined(gated).document.faults] == ["sum-over-width"]


class Interactions(nn.Module):
    """A recommender: dot products of all pairs of fields, and a layer behind them."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.fields = nn.ModuleList(tower(4, width) for _ in range(3))
        self.factor = 0.1 * (width / 64) ** power
        self.top = nn.Linear(3, 16)
        self.last = nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        fields = torch.stack([f(x[:, 3 * i : 3 * i + 4]) for i, f in enumerate(self.fields)], 1)
        pairs = torch.bmm(fields, fields.transpose(1, 2))[:, [0, 0, 1], [1, 2, 2]]
        y: Tensor = self.last(torch.relu(self.top(pairs * self.factor)))[:, 0]
        return y


def test_the_layer_behind_a_sum_is_not_blamed_for_it() -> None:
    wrong = report_on(lambda width: Interactions(width, 0.0))
    assert [f.finding for f in wrong.document.faults] == ["sum-over-width"]
    # the module's output is not the sum: a factor on it would scale the layers behind as well
    assert wrong.document.faults[0].repairs == ()
    assert failed(wrong) == {}
    assert not report_on(lambda width: Interactions(width, -1.0)).document.faults


class Chain(nn.Module):
    """Layers with a factor of the width between two of them."""

    def __init__(self, width: int, act: Callable[[Tensor], Tensor], power: float) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(11, width), nn.Linear(width, width)
        self.c, self.head = nn.Linear(width, width), nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=1 / width)
        self.act, self.factor = act, (width / 64) ** power

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.b(torch.relu(self.a(x)))) * self.factor
        y: Tensor = self.head(torch.relu(self.c(h)))[:, 0]
        return y


class Folded(Chain):
    """The same factor, which the weights behind it make up for: an equivalent form."""

    def __init__(self, width: int, act: Callable[[Tensor], Tensor], power: float) -> None:
        super().__init__(width, act, power)
        with torch.no_grad():
            self.c.weight.mul_(self.factor**-1)

    def rates(self) -> dict[str, float]:
        return {"c.weight": self.factor**-1}


def chain(
    model: type[Chain], act: Callable[[Tensor], Tensor], power: float
) -> Callable[[int, int], Subject]:
    def build(width: int, seed: int) -> Subject:
        torch.manual_seed(seed)
        made = model(width, act, power)
        more = made.rates() if isinstance(made, Folded) else {}
        groups: list[dict[str, Any]] = [
            {
                "params": [p],
                "lr": 1e-3
                * (64 / width if p.dim() == 2 and n != "a.weight" else 1)
                * more.get(n, 1.0),
            }
            for n, p in made.named_parameters()
        ]
        return Subject(made, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return build


def chain_report(model: type[Chain], act: Callable[[Tensor], Tensor], power: float) -> CheckReport:
    return check(chain(model, act, power), WIDTHS)


def row_norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


@pytest.mark.parametrize("act", [torch.relu, F.gelu, torch.tanh, row_norm])
def test_a_factor_between_two_layers(act: Callable[[Tensor], Tensor]) -> None:
    assert chain_report(Chain, act, 0.0).passed
    for power in (-0.5, 0.5):
        build = chain(Chain, act, power)
        report = check(build, WIDTHS)
        (fault,) = report.document.faults
        # behind a GELU or a norm, a factor on the output of `b` would not undo it
        assert [(r.name, r.quantity) for r in fault.repairs] == [("c", "input")]
        assert check(repaired(build, report.document), WIDTHS).passed
        assert (fault.finding, fault.where) == ("activation-scale", "b")
        assert fault.repairs[0].power == -power
        assert fault.repairs[0].factors == {w: (w / 64) ** -power for w in WIDTHS}
        assert report.verdict == "fail"


@pytest.mark.parametrize(
    ("before", "power", "blamed"),
    [
        # a sum of n terms of init 1/n is n^-1/2 at init (Tensor Programs V, Table 3, output), and
        # nothing makes up for it in the second matrix of an adapter of fixed rank
        ("readout", -0.5, False),
        ("readout", 0.5, True),
        ("hidden", -0.5, True),
    ],
)
def test_what_follows_a_fixed_number_of_features_may_shrink(
    before: str, power: float, blamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expect(role: str) -> Expectation:
        return Expectation(role=role, update=0.0, init=0.0, decay=0.0)

    def of_input(name: str, use: int, measured: Any, e: Expectation) -> Any:
        return fit_slope(measured, lambda m: m.gains[name])

    monkeypatch.setattr(activation_scale, "input_slope", of_input)
    sizes = [
        SimpleNamespace(
            size=n,
            terms=[],
            upstream_modules={"b.weight": "a"},
            input_changes={"b.weight": n**power},
            gains={"b.weight": n**power},
        )
        for n in WIDTHS
        for _ in range(2)
    ]
    expected = {"a.weight": expect(before), "b.weight": expect("input")}
    measured: Any = sizes
    faults = activation_scale.input_faults(measured, expected)
    assert [f.where for f in faults] == (["a"] if blamed else [])


def test_a_factor_that_the_next_weight_makes_up_for() -> None:
    """abc-symmetry: input times t, init and rate divided by t, is the same model under Adam."""
    report = chain_report(Folded, torch.relu, -0.5)
    assert not report.document.faults and report.verdict != "fail", report.sentences


class Branch(nn.Module):
    """A residual branch behind a norm, multiplied by a constant vector before the sum."""

    def __init__(self, width: int, power: float, how: str) -> None:
        super().__init__()
        self.norm, self.up = nn.LayerNorm(width), nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.register_buffer("factor", torch.full((width,), (width / 64) ** power))
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(torch.relu(self.up(self.norm(x))))
        if self.how == "alpha":
            return torch.add(x, y, alpha=float(self.factor[0]))
        return x + y * self.factor if self.how == "vector" else self.factor * y + x


class Residual(nn.Module):
    """The first of two branches has the factor; the norms behind the sums hide it."""

    def __init__(self, width: int, power: float, how: str = "vector") -> None:
        super().__init__()
        self.first = nn.Linear(11, width)
        self.blocks = nn.ModuleList(Branch(width, p, how) for p in (power, 0.0))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=1 / width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.head(self.norm(x))[:, 0]
        return y


def residual_report(power: float, how: str) -> CheckReport:
    def build(width: int) -> Subject:
        made = Residual(width, power, how)
        groups: list[dict[str, Any]] = [
            {"params": [p], "lr": 1e-3 * (64 / width if p.dim() == 2 and "first" not in n else 1)}
            for n, p in made.named_parameters()
        ]
        return Subject(made, torch.optim.Adam(groups, eps=1e-12), loss, batch)

    return check(build, WIDTHS)


@pytest.mark.parametrize("how", ["vector", pytest.param("vector first", marks=pytest.mark.slow)])
def test_a_factor_on_a_branch_behind_a_norm(how: str) -> None:
    """A constant vector counts as a factor of the layer: its init does not make up for it."""
    assert residual_report(0.0, how).passed
    for power, finding in (
        (-1.0, "init-too-small"),
        (-0.5, "init-too-small"),
        (0.5, "init-too-large"),
    ):
        report = residual_report(power, how)
        assert report.verdict == "fail"
        found = {t.name: t.finding for t in report.document.tensors if t.finding is not None}
        assert found["blocks.0.down.weight"] == finding
        assert all(name.startswith("blocks.0.down.") for name in found)


def test_a_number_on_a_branch_is_a_factor_of_its_last_layer() -> None:
    """abc-symmetry: a number behind a layer is wrong unless its init and rate make up for it."""
    assert residual_report(0.0, "alpha").passed
    assert residual_report(-0.5, "alpha").verdict == "fail"


def test_the_layer_of_a_term_is_the_first_module_that_returned_it() -> None:
    """As in an MLP-Mixer: a readout over the positions, transposed, through an identity."""
    sums, layer, x = StreamSums(), nn.Linear(3, 5), torch.ones(4, 3)
    with sums:
        sums.entered("mlp")
        sums.entered("mlp.out")
        y = layer(x)
        sums.left(y)
        sums.left(y)
        branch = y.transpose(0, 1)
        sums.entered("drop_path")
        sums.left(branch)
        _ = branch + torch.ones(5, 4)
        _ = branch.relu() + torch.ones(5, 4)  # the control: no longer the output of a module
    assert [(t.origin, t.layer) for t in sums.terms] == [("drop_path", "mlp.out")]
