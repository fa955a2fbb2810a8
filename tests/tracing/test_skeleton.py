"""Models without memory: shapes alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.tracing.skeleton import shapes_of, skeleton

WIDTH = 1 << 20  # 4 TB of float32 for each matrix


class Net(nn.Module):
    """Initializes with torch.nn.init, in place, as a copy, and with a matrix made on the CPU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = nn.Linear(width, width)
        nn.init.orthogonal_(self.a.weight)
        self.a.weight.data.normal_().mul_(2)
        with torch.no_grad():
            self.a.bias.copy_(torch.zeros(width))
        rotation, _ = torch.linalg.qr(torch.randn(width, width).cpu())
        self.rotation = nn.Parameter(rotation.to("cpu", torch.float64))


def test_a_large_model_takes_no_memory() -> None:
    model = skeleton(lambda: Net(WIDTH))
    assert all(p.is_meta for p in model.parameters())
    square = (WIDTH, WIDTH)
    assert shapes_of(model) == {"a.weight": square, "a.bias": (WIDTH,), "rotation": square}
    assert model.rotation.dtype == torch.float64


def test_real_tensors_are_still_initialized() -> None:
    """The control: inside a skeleton only tensors of the meta device are left alone."""
    real = torch.zeros(3)
    skeleton(lambda: nn.ParameterList([nn.Parameter(real.fill_(1.0))]))
    assert torch.equal(real, torch.ones(3))
    assert not torch.equal(Net(4).a.weight, torch.zeros(4, 4))


class ReadsValues(nn.Module):
    """Lists drop rates, and chooses the eigenvalues of a matrix in one half of the plane."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.rates = [rate.item() for rate in torch.linspace(0, 0.5, 3)]
        turned = torch.linalg.eigvals(torch.diag(torch.ones(width - 1), 1).sub_(
            torch.diag(torch.ones(width - 1), -1)))  # fmt: skip
        self.frequency = nn.Parameter(turned.imag[turned.imag > 0])


def test_a_constructor_that_reads_values() -> None:
    """An antisymmetric matrix has pairs of imaginary eigenvalues: half of them are above 0."""
    model = skeleton(lambda: ReadsValues(8))
    assert model.frequency.is_meta and shapes_of(model) == {"frequency": (4,)}
    assert model.rates == [0.0, 0.25, 0.5]


def test_other_errors_of_a_constructor_are_its_own() -> None:
    with pytest.raises(ValueError, match="no such size"):
        skeleton(lambda: (_ for _ in ()).throw(ValueError("no such size")))


class Scaled(nn.Module):
    """Weights divided by a number, as ones of 1/√width are often written."""

    def __init__(self) -> None:
        super().__init__()
        self.by_a_number = nn.Parameter(torch.randn(4, 6, dtype=torch.bfloat16) / 6**0.5)
        self.of_integers = nn.Parameter(torch.arange(3) / 2)
        self.by_a_vector = nn.Parameter(torch.randn(4, 1) / torch.ones(6))
        self.product = nn.Parameter(0.02 * torch.randn(4, 6, dtype=torch.bfloat16))
        self.product_of_integers = nn.Parameter(torch.arange(3) * 0.5)
        self.transposed = nn.Parameter(torch.randn(4, 6).T * 2)
        self.of_a_parameter = nn.Parameter((self.product * 3).detach())


def test_scaled_tensors_keep_their_shapes_and_types() -> None:
    on_meta, real = skeleton(Scaled), Scaled()
    for (name, found), expected in zip(on_meta.named_parameters(), real.parameters(), strict=True):
        assert found.is_meta, name
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype), name


def test_what_is_scaled_is_still_a_function_of_its_parameter() -> None:
    scaled: list[torch.Tensor] = []

    def build() -> nn.Module:
        layer = nn.Linear(2, 3)
        scaled.append(layer.weight * 2.0)
        return layer

    skeleton(build)
    assert scaled[0].is_meta and scaled[0].grad_fn is not None
