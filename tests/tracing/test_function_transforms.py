"""Models that use `torch.func`: a loop computes what vmap does, and is seen through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mutransfer_cli.tracing.function_transforms import plain, vmap_as_loop
from tests.helpers.traced_models import traced, vectors

X = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
Y = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))


def energy(x: Tensor) -> Tensor:
    return (x.sin() * x.roll(1)).sum()


CALLS: dict[str, Callable[[], Any]] = {
    "first": lambda: torch.vmap(lambda a: a.sum(0) ** 2)(X),
    "dims": lambda: torch.vmap(lambda a, b: a @ b.T, in_dims=(0, None), out_dims=1)(X, Y),
    "several": lambda: torch.vmap(lambda a: (a.mean(), {"t": a.T}), out_dims=(0, 2))(X),
    "same for all": lambda: torch.vmap(lambda a: (a, Y), out_dims=(0, None))(X),
    "nested": lambda: torch.vmap(torch.vmap(energy))(X),
    "hessian": lambda: torch.vmap(torch.func.hessian(energy))(Y),
    "jacobian": lambda: torch.func.jacrev(lambda a: a.sin() @ Y.T)(Y),
    "chunks": lambda: torch.vmap(energy, chunk_size=2)(X),
    "randomness": lambda: torch.vmap(
        lambda a: a * 0 + torch.rand(4, 5), randomness="same"
    )(X)[1:] * 0,
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_loop_computes_what_vmap_does(call: str) -> None:
    expected = CALLS[call]()
    with vmap_as_loop():
        found = CALLS[call]()
    torch.testing.assert_close(found, expected)


def test_the_loop_ends_with_its_context() -> None:
    calls = []

    def count(a: Tensor) -> Tensor:
        calls.append(a.shape)
        return a

    with vmap_as_loop():
        torch.vmap(count)(X)
    assert len(calls) == 3
    torch.vmap(count)(X)
    assert len(calls) == 4


def test_tensors_inside_grad_are_those_that_it_wraps() -> None:
    seen = []

    def loss(x: Tensor) -> Tensor:
        seen.append((x.data_ptr() if x is plain(x) else 0, plain(x).data_ptr()))
        return (x**2).sum()

    torch.func.grad(loss)(Y)
    assert seen == [(0, Y.data_ptr())]


class Ensemble(nn.Module):
    """Three networks, mapped over their stacked weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(3, width, 6))
        self.hidden = nn.Parameter(torch.randn(3, width, width) / width**0.5)
        self.last = nn.Parameter(torch.randn(3, 2, width) / width)

    def forward(self, x: Tensor) -> Tensor:
        def member(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
            return F.linear(torch.relu(F.linear(torch.relu(F.linear(x, a)), b)), c)

        return torch.vmap(member)(self.first, self.hidden, self.last).mean(0)


class Gradient(nn.Module):
    """The gradient of a network by its input, one example at a time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.hidden = nn.Linear(6, width), nn.Linear(width, width)
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        def value(row: Tensor) -> Tensor:
            return self.last(torch.tanh(self.hidden(torch.tanh(self.first(row))))).sum()

        return torch.vmap(torch.func.grad(value))(x)


@pytest.mark.parametrize("make", [Ensemble, Gradient])
def test_parameters_inside_transforms_have_the_roles_of_their_layers(
    make: Callable[[int], nn.Module],
) -> None:
    family = traced(make, vectors())
    roles = {t.name.removesuffix(".weight"): t.role for t in family.tensors if "bias" not in t.name}
    hidden = "expert" if make is Ensemble else "hidden"  # a stack of matrices
    assert roles == {"first": "input", "hidden": hidden, "last": "readout"}
