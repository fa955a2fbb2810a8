"""Families of models, traced at two sizes."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor, nn

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
