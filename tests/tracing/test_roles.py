"""Roles that are chosen, and those that a message proposes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.errors import InputError
from tests.helpers.traced_models import Net, traced, vectors


def weight_normed(w: int) -> nn.Module:
    return Net(w, nn.utils.parametrizations.weight_norm(nn.Linear(w, w)))


@pytest.mark.parametrize(
    ("role", "fan_in"),
    [("hidden", 8), ("vector", 1)],  # (out, in) = (8, 8) at the base; a vector sums over nothing
)
def test_a_role_that_was_chosen_decides_on_the_fans(role: str, fan_in: int) -> None:
    direction = "hidden.parametrizations.weight.original1"
    roles = [("*original0", "vector"), (direction, role)]
    tensor = traced(weight_normed, vectors(), roles=roles).tensor(direction)
    assert (tensor.role, tensor.fans(tensor.base_shape)[0]) == (role, fan_in)


def test_a_role_that_cannot_be_is_refused() -> None:
    roles = [("*original0", "hidden"), ("*original1", "hidden")]  # (8, 1): one column
    with pytest.raises(InputError, match=r"original0: role hidden is for matrices"):
        traced(weight_normed, vectors(), roles=roles)


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
