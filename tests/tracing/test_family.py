"""Families of models, traced at two sizes."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import Subject, plan
from tests.helpers.traced_models import Net, traced, vectors


class Watched(nn.Module):
    """A square layer that reports whether Python collects cycles while it runs, or fails."""

    def __init__(self, width: int, seen: list[bool], fails: bool) -> None:
        super().__init__()
        self.w, self.seen, self.fails = nn.Parameter(torch.eye(width)), seen, fails

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(gc.isenabled())
        if self.fails:
            raise RuntimeError("of the user")
        y: Tensor = x @ self.w
        return y


def test_no_cycles_are_collected_during_a_trace() -> None:
    seen: list[bool] = []
    traced(lambda w: Net(w, Watched(w, seen, fails=False)), vectors())
    assert seen and not any(seen) and gc.isenabled()
    with pytest.raises(RuntimeError, match="of the user"):
        traced(lambda w: Net(w, Watched(w, seen, fails=True)), vectors())
    assert gc.isenabled()
    gc.disable()
    try:
        traced(lambda w: Net(w, Watched(w, seen, fails=False)), vectors())
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_size_of_a_tensor_is_its_rms() -> None:
    family = traced(lambda w: Net(w, Watched(w, [], fails=False)), vectors())
    width = family.tensor("hidden.w").base_shape[0]
    assert family.tensor("hidden.w").base_rms == pytest.approx(width**-0.5)  # of the identity


class Memory(nn.Module):
    """A square layer beside memories, of which there are none."""

    def __init__(self, width: int, memories: int) -> None:
        super().__init__()
        self.w, self.kept = (
            nn.Parameter(torch.eye(width)),
            nn.Parameter(torch.zeros(memories, width)),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x @ self.w
        return y * self.kept[0] if len(self.kept) else y


def test_a_tensor_of_no_elements_is_not_trained() -> None:
    """As the memories of `rela-transformer`, whose default is to have none."""
    none, two = (traced(lambda w, n=n: Net(w, Memory(w, n)), vectors()) for n in (0, 2))
    assert (none.frozen, two.frozen) == ({"hidden.kept"}, frozenset())
    assert none.tensor("hidden.w").role == two.tensor("hidden.w").role == "hidden"


class Target(nn.Module):
    """A network with a frozen copy of itself, of which it learns, or on which it is built."""

    def __init__(self, width: int, beside: bool) -> None:
        super().__init__()
        self.beside = beside
        self.net = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, width))
        self.target = copy.deepcopy(self.net).requires_grad_(False)
        self.unused = copy.deepcopy(self.net).requires_grad_(False)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.target(x.flip(0))
        out: Tensor = self.head(self.net(x) if self.beside else self.net(x) + y)
        return out


@pytest.mark.parametrize("beside", [True, False])
def test_a_frozen_copy_beside_a_model_makes_no_pretrained_one(beside: bool) -> None:
    """A teacher or target network reads the data only, and no layer reads it; features are read.

    A new model is initialized, and its readout gets 1/m (Tensor Programs V, Table 8); nothing that
    a pretrained one computes changes.
    """
    family = traced(lambda w: Target(w, beside), vectors())
    names = {n for n, p in Target(8, beside).named_parameters() if not p.requires_grad}
    assert family.frozen == names
    assert family.beside == (names if beside else {n for n in names if "unused" in n})
    assert family.pretrained is not beside
    made = plan(
        lambda width: Subject(Target(width, beside), None),
        base={"width": 16},
        target={"width": 64},
        optimizer={"name": "adam", "lr": 1e-3},
        batch=(torch.randn(4, 6), torch.zeros(4).long()),
    )
    model = Target(64, beside)
    was = model.head.weight.detach().clone()
    made.initialize(model, seed=0)
    assert torch.equal(model.head.weight, was) is not beside
    made.install(model)
    x = torch.randn(4, 64)
    plain = nn.functional.linear(x, model.head.weight, model.head.bias)
    right = plain if not beside else (plain - model.head.bias) / 4 + model.head.bias
    assert torch.allclose(copy.deepcopy(model.head)(x), right, atol=1e-5)
