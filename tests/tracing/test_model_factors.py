"""Powers of the width that a model applies by itself, by construction, from widths 8 and 16."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.tracing.model_factors import agree, power_of
from tests.helpers.scaled_layers import WHERE, Cosine, Heads, RootNorm, Scaled
from tests.helpers.traced_models import Net, traced, vectors


@pytest.mark.parametrize("where", WHERE)
def test_layers_divided_by_the_root_of_the_width(where: str) -> None:
    family = traced(lambda w: Net(w, Scaled(w, where)), vectors())
    bias = {"hidden.b": -0.5} if where == "output and bias" else {}
    assert family.scale_powers == {"hidden.w": -0.5, **bias}
    assert family.scale_values["hidden.w"] == pytest.approx(8**-0.5)
    assert family.scale_notes == {} and family.outside_powers == {}


@pytest.mark.parametrize(
    ("how", "power", "bias", "outside"),
    [
        ("none", 0, 0, 0),
        ("constant", 0, 0, 0),  # 1/5 at every width is no power of it
        ("logits", -1, -1, -1),
        ("root", -0.5, -0.5, -0.5),
        ("input", -1, 0, 0),
        ("input and logits", -1, -0.5, -0.5),
    ],
)
def test_divided_logits(how: str, power: float, bias: float, outside: float) -> None:
    family = traced(lambda w: Heads(w, how), vectors())
    assert family.scale_powers.get("last.weight", 0) == power
    assert family.scale_powers.get("last.bias", 0) == bias
    assert family.outside_powers.get("last.weight", 0) == outside
    assert not {"first.weight", "hidden.weight"} & family.scale_powers.keys()


@pytest.mark.parametrize("how", ["normalize", "norms", "function"])
def test_cosines_are_divided_by_both_norms(how: str) -> None:
    """Entries of unit vectors go as 1/√width, in the input and in the weight."""
    family = traced(lambda w: Cosine(w, how), vectors())
    assert family.scale_powers == {"classes": pytest.approx(-1.0, abs=1e-3)}
    assert family.tensor("classes").role == "readout"


def test_a_norm_written_with_the_root_of_the_width_is_none() -> None:
    family = traced(lambda w: Net(w, RootNorm(w)), vectors())
    assert family.scale_powers == {}


@pytest.mark.parametrize("how", ["repeat", "contiguous", "stack"])
def test_copies_of_one_learned_token_are_no_unit_vectors(how: str) -> None:
    """They have one norm, that of the token: no function normalized them."""

    class Seeded(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.first, self.mix = nn.Linear(6, width), nn.Linear(width, width)
            self.token = nn.Parameter(torch.randn(1, 1, width))
            self.last = nn.Linear(width, 3)

        def forward(self, x: Tensor) -> Tensor:
            copies = {
                "repeat": lambda: self.token.repeat(len(x), 1, 1),
                "contiguous": lambda: self.token.expand(len(x), -1, -1).contiguous(),
                "stack": lambda: torch.stack([self.token[0]] * len(x)),
            }[how]()
            h = torch.relu(self.mix(copies) + self.first(x)[:, None])
            y: Tensor = self.last(h[:, 0])
            return y

    assert traced(Seeded, vectors()).scale_powers == {}


def test_unit_rows_of_a_hidden_weight() -> None:
    class UnitRows(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.randn(width, width))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, F.normalize(self.w, dim=1))

    family = traced(lambda w: Net(w, UnitRows(w)), vectors())
    assert family.scale_powers == {"hidden.w": pytest.approx(-0.5, abs=1e-3)}


class Shared(nn.Module):
    """A stream that both a scaled and an unscaled layer read."""

    def __init__(self, width: int, note: bool) -> None:
        super().__init__()
        self.first, self.a, self.b = (nn.Linear(n, width) for n in (6, width, width))
        self.last, self.root, self.note = nn.Linear(width, 3), width**0.5, note

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        if self.note:  # a nonlinearity reads the scaled stream: nobody's factor
            return self.last(torch.relu(self.a(h)) + torch.tanh(h / self.root))
        return self.last(torch.relu(self.a(h)) + torch.relu(self.b(h / self.root)))


def test_a_factor_on_one_of_two_paths_belongs_to_its_reader() -> None:
    family = traced(lambda w: Shared(w, False), vectors())
    assert family.scale_powers == {"b.weight": -0.5} and family.scale_notes == {}


def test_a_factor_that_is_nobody_s_is_noted() -> None:
    family = traced(lambda w: Shared(w, True), vectors(), roles=[("b.*", "fixed")])
    assert family.scale_powers == {}
    assert set(family.scale_notes) == {"first.weight", "first.bias"}


class Stream(nn.Module):
    """A residual stream, divided before its readout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.a, self.b = (nn.Linear(n, width) for n in (6, width, width))
        self.last, self.m = nn.Linear(width, 3), width / 8

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        h = h + self.a(torch.relu(h))
        h = h + self.b(torch.relu(h))
        y: Tensor = self.last(h / self.m)
        return y


def test_the_division_of_a_stream_is_the_readout_s() -> None:
    assert traced(Stream, vectors()).scale_powers == {"last.weight": -1.0}


class Deep(nn.Module):
    """A residual stream of very many branches, divided before its readout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(80))
        self.last, self.m = nn.Linear(width, 3), width / 8

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        for layer in self.layers:
            h = h + layer(torch.relu(h)) / self.m
        y: Tensor = self.last(h / self.m)
        return y


def test_a_stream_of_very_many_branches() -> None:
    """Each branch keeps its own division, and the readout that of the stream."""
    family = traced(Deep, vectors())
    branches = {f"layers.{i}.{part}": -1.0 for i in range(80) for part in ("weight", "bias")}
    assert family.scale_powers == {"last.weight": -1.0, **branches}
    assert family.scale_notes == {}


def test_powers() -> None:
    assert power_of(2**-0.5, 2.0) == -0.5 and power_of(4.0, 4.0) == 1.0
    assert power_of(2**0.3, 2.0) == pytest.approx(0.3)
    assert agree([]) and agree([2.0, 2.0 + 1e-6]) and not agree([1.0, 1.01])


@pytest.mark.parametrize("scaled", ["product", "sum"])
def test_what_is_added_to_a_scaled_product_of_activations(scaled: str) -> None:
    """The bias of an operator network, u·v / n + b, is not divided; that of (u·v + b) / n is."""

    class Products(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.u, self.v = nn.Linear(6, width), nn.Linear(6, width)
            self.b = nn.Parameter(torch.zeros(1))
            self.width = width

        def forward(self, x: Tensor) -> Tensor:
            product = torch.einsum("...i,...i->...", self.u(x), self.v(x))
            if scaled == "product":
                return product / self.width + self.b
            return (product + self.b) / self.width

    family = traced(Products, vectors())
    assert family.scale_powers == ({} if scaled == "product" else {"b": -1.0})
