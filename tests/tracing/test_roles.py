"""Roles that are chosen, and those that a message proposes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.errors import InputError
from tests.helpers.traced_models import Net, traced, vectors


class Orthogonal(nn.Module):
    """A layer whose weight is computed by a function for which there is no rule, with gains."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.randn(width, width))
        self.gain = nn.Parameter(torch.ones(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, torch.matrix_exp(self.direction - self.direction.t())) * self.gain[:, 0]


def orthogonal(w: int) -> nn.Module:
    return Net(w, Orthogonal(w))


@pytest.mark.parametrize(
    ("role", "fan_in"),
    [("hidden", 8), ("vector", 1)],  # (out, in) = (8, 8) at the base; a vector sums over nothing
)
def test_a_role_that_was_chosen_decides_on_the_fans(role: str, fan_in: int) -> None:
    roles = [("*.gain", "vector"), ("*.direction", role)]
    tensor = traced(orthogonal, vectors(), roles=roles).tensor("hidden.direction")
    assert (tensor.role, tensor.fans(tensor.base_shape)[0]) == (role, fan_in)


def test_a_role_that_cannot_be_is_refused() -> None:
    roles = [("*.gain", "hidden"), ("*.direction", "hidden")]  # (8, 1): one column
    with pytest.raises(InputError, match=r"gain: role hidden is for matrices"):
        traced(orthogonal, vectors(), roles=roles)


@pytest.mark.parametrize(
    ("shape", "likely"), [((), "scalar"), (("w",), "vector"), (("w", "w"), "hidden")]
)
def test_the_role_that_a_message_proposes(shape: tuple[str, ...], likely: str) -> None:
    def make(w: int) -> nn.Module:
        model = Net(w, nn.Linear(w, w))
        model.idle = nn.Parameter(torch.zeros([w for _ in shape]))
        return model

    with pytest.raises(InputError, match=rf"idle: not used .*role: {likely}}}.*'{likely}'"):
        traced(make, vectors())


def test_an_orthogonal_weight_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        InputError, match=r"hidden\.direction: its weight is computed by .*orthogonal_"
    ):
        traced(orthogonal, vectors())


class Codebook(nn.Module):
    """Codes of one size at every width, found by their distance."""

    def __init__(self, width: int, grows: bool) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(6, width), nn.Linear(width, 3)
        self.code = nn.Parameter(torch.randn(5, width if grows else 6))

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.into(x)
        nearest = torch.cdist(h if self.code.shape[1] == h.shape[1] else x, self.code)
        return self.out(h) + nearest[:, :3]


def test_a_tensor_of_one_size_is_a_scalar_whatever_uses_it() -> None:
    assert traced(lambda w: Codebook(w, False), vectors()).tensor("code").role == "scalar"
    with pytest.raises(InputError, match="code: used by cdist"):  # one that grows is unclear
        traced(lambda w: Codebook(w, True), vectors())
