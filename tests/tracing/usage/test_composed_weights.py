"""Products of parameters as weights: x (L R) = (x L) R, so each factor is that of its own layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from mutransfer_cli.errors import InputError
from mutransfer_cli.models.growth.adapter_factors import measured_powers
from tests.helpers.traced_models import Net, traced, vectors

RANK = 3


class Update(nn.Module):
    """W + c · B A, perhaps as DoRA normalizes it, or as LoHa multiplies two of them."""

    def __init__(self, width: int, how: str = "lora", rank: int = RANK, c: float = 2.0) -> None:
        super().__init__()
        self.a, self.b = (nn.Parameter(torch.randn(s)) for s in ((rank, width), (width, rank)))
        self.m, self.how, self.c = nn.Parameter(torch.ones(width, 1)), how, c

    def forward(self, w: Tensor) -> Tensor:
        match self.how:
            case "einsum":
                return w + torch.einsum("ri,or->oi", self.a, self.b) + 0 * self.m
            case "loha":
                return w + (self.b @ self.a) * (self.b @ self.a) + 0 * self.m
        w = w + self.c * (self.b @ self.a)
        return self.m * w / w.norm(dim=1, keepdim=True) if self.how == "dora" else w + 0 * self.m


def adapted(width: int, how: str, rank: int = RANK, c: float = 2.0) -> nn.Module:
    layer = nn.Linear(width, width)
    parametrize.register_parametrization(layer, "weight", Update(width, how, rank, c))
    return Net(width, layer)


@pytest.mark.parametrize("how", ["lora", "einsum", "dora"])
def test_adapters_in_a_parametrization_are_as_adapters_of_modules(how: str) -> None:
    """A of (rank, in) reads what grows, B of (out, rank) gives what grows, as nn.Linear would."""
    family = traced(lambda w: adapted(w, how), vectors())
    at = "hidden.parametrizations.weight."
    a, b, w = (family.tensor(at + n) for n in ("0.a", "0.b", "original"))
    assert (a.role, a.in_dims, a.out_dims) == ("readout", (1,), (0,))
    assert (b.role, b.in_dims, b.out_dims) == ("input", (1,), (0,))
    assert (w.role, family.tensor(at + "0.m").role) == ("hidden", "vector")
    assert not {a.name, b.name} & family.scale_powers.keys()


class Factored(nn.Module):
    """A raw weight L R, or a table of embeddings or learned tokens that is one."""

    def __init__(self, width: int, how: str, rank: int) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.randn(width, rank))
        self.right = nn.Parameter(torch.randn(rank, width))
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        match self.how:
            case "x @ LR":
                return x @ (self.left @ self.right)
            case "linear":
                return F.linear(x, self.left @ self.right)
            case "table":
                return x + F.embedding(torch.zeros(1, dtype=torch.long), self.left @ self.right)
        return x + (self.left @ self.right)[0]


@pytest.mark.parametrize(
    ("how", "growing", "left", "right"),
    [
        ("x @ LR", False, ("readout", (0,)), ("input", (0,))),
        ("linear", False, ("input", (1,)), ("readout", (1,))),
        ("x @ LR", True, ("hidden", (0,)), ("hidden", (0,))),
        ("linear", True, ("hidden", (1,)), ("hidden", (1,))),
        ("table", True, ("input", ()), ("hidden", (0,))),  # rows of L are looked up
    ],
)
def test_factors_of_a_weight(
    how: str, growing: bool, left: tuple[str, tuple[int, ...]], right: tuple[str, tuple[int, ...]]
) -> None:
    family = traced(lambda w: Net(w, Factored(w, how, w // 2 if growing else RANK)), vectors())
    for name, expected in (("hidden.left", left), ("hidden.right", right)):
        assert (family.tensor(name).role, family.tensor(name).in_dims) == expected


@pytest.mark.parametrize(
    "make",
    [lambda w: Net(w, Factored(w, "tokens", w)), lambda w: adapted(w, "loha")],
    ids=["which factor is the activation", "an entrywise product"],
)
def test_products_without_a_rule_are_refused(make: Callable[[int], nn.Module]) -> None:
    with pytest.raises(InputError, match="with another parameter as the other factor"):
        traced(make, vectors())


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_the_factor_over_the_rank(power: float) -> None:
    """The rule of rates over the rank needs it (arXiv 2602.06204); no module shows it here."""

    def at(rank: int) -> tuple[nn.Module, Callable[[], object]]:
        model = adapted(8, "lora", rank, 8 / rank**power)
        return model, lambda: model(vectors())

    name = "hidden.parametrizations.weight.0.b"
    assert measured_powers(at(4), at(8), [name]) == pytest.approx({name: -power}, abs=2e-3)
