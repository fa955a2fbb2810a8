"""Products with the Hessian and its eigenvalues, against dense Hessians by torch in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, hessian

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.curvature.flat import flatten, moved
from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.spectrum import top_eigenvalues
from mutransfer_cli.probes.gradient_noise import noise_scale


def tanh_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2)).double()


def batches(count: int = 2) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    draw = lambda n: torch.randn(8, n, generator=generator, dtype=torch.float64)  # noqa: E731  # short
    return [(draw(3), draw(2)) for _ in range(count)]


def squared(model: nn.Module, batch: Any) -> Tensor:
    x, y = batch
    return ((model(x) - y) ** 2).mean()


def dense(model: nn.Module, loss: Callable[[nn.Module, Any], Tensor], data: list[Any]) -> Tensor:
    """The Hessian by forward over reverse differentiation of torch.func."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [p.shape for p in model.parameters()]
    sizes = [p.numel() for p in model.parameters()]

    class Call:
        def __init__(self, values: dict[str, Tensor]) -> None:
            self.values = values

        def __call__(self, x: Tensor) -> Tensor:
            out: Tensor = functional_call(model, self.values, (x,))
            return out

    def at(vector: Tensor) -> Tensor:
        parts = torch.split(vector, sizes)
        values = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return torch.stack([loss(Call(values), b) for b in data]).mean()  # type: ignore[arg-type]  # stands for a module

    return hessian(at)(flatten([p.detach() for p in model.parameters()]))


def test_a_product_is_that_of_the_dense_matrix() -> None:
    model, data = tanh_net(), batches()
    matrix = dense(model, squared, data)
    found = Hessian(model, squared, data)
    v = torch.randn(found.size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(found.product(v), matrix @ v, atol=1e-12)
    assert not torch.allclose(found.product(v), dense(model, squared, data[:1]) @ v, atol=1e-3)
    assert found.method == "double backward"


def test_the_largest_eigenvalues_are_those_of_the_dense_matrix() -> None:
    model, data = tanh_net(), batches()
    right = torch.linalg.eigvalsh(dense(model, squared, data)).flip(0)
    found = top_eigenvalues(Hessian(model, squared, data), count=3)
    assert found.values == pytest.approx(right[:3].tolist(), abs=1e-4 * float(right[0]))
    assert found.error <= 1e-3 * float(right[0])
    assert found.vectors.shape == (3, len(right))


def test_scaled_eigenvalues_are_those_of_the_scaled_dense_matrix() -> None:
    model, data = tanh_net(), batches()
    matrix = dense(model, squared, data)
    scale = torch.linspace(0.1, 3, len(matrix), dtype=torch.float64)
    root = scale.sqrt()
    right = float(torch.linalg.eigvalsh(root[:, None] * matrix * root)[-1])
    hessian_ = Hessian(model, squared, data)
    assert top_eigenvalues(hessian_, scale=scale).values[0] == pytest.approx(right, rel=1e-4)
    assert top_eigenvalues(hessian_).values[0] != pytest.approx(right, rel=1e-2)


class OnceOnly(torch.autograd.Function):
    """The square, whose gradient torch cannot differentiate."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 2 * x * grad


def test_an_operation_without_second_derivative_is_differenced() -> None:
    model, data = tanh_net(), batches()

    def once(net: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return OnceOnly.apply(net(x) - y).mean()  # type: ignore[no-any-return,no-untyped-call]  # torch has no type

    found = Hessian(model, once, data)
    v = torch.randn(found.size, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    right = dense(model, squared, data) @ v
    product = found.product(v)
    assert found.method == "finite differences"
    assert float((product - right).norm() / right.norm()) < 1e-3


def test_attention_is_differentiated_twice() -> None:
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).double()
    x = torch.randn(2, 4, 8, dtype=torch.float64)

    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        out: Tensor = model(batch, batch, batch, need_weights=False)[0]
        return (out**2).mean()

    found = Hessian(attention, loss, [x])
    v = torch.ones(found.size, dtype=torch.float64)
    h = 1e-5
    with moved(found.parameters, [torch.full_like(p, h) for p in found.parameters]):
        up = found.gradient()
    with moved(found.parameters, [torch.full_like(p, -h) for p in found.parameters]):
        down = found.gradient()
    assert torch.allclose(found.product(v), (up - down) / (2 * h), atol=1e-7)


def test_what_was_moved_is_put_back_to_the_last_bit() -> None:
    model = tanh_net()
    before = flatten([p.detach().clone() for p in model.parameters()])
    parameters = list(model.parameters())
    with moved(parameters, [0.1 * torch.ones_like(p) for p in parameters]):
        assert not torch.equal(flatten(parameters), before)
    assert torch.equal(flatten(parameters), before)


def test_a_model_without_trained_parameters_is_refused() -> None:
    model = tanh_net().requires_grad_(False)
    with pytest.raises(InputError, match="no parameter of the model takes a gradient"):
        Hessian(model, squared, batches())
    with pytest.raises(InputError, match="at least one batch"):
        Hessian(tanh_net(), squared, [])


def test_a_loss_that_is_not_finite_is_refused() -> None:
    found = Hessian(tanh_net(), lambda m, b: squared(m, b) * float("inf"), batches())
    with pytest.raises(InputError, match="not finite"):
        found.loss()
    with pytest.raises(InputError, match="not finite"):
        top_eigenvalues(found)


class Counting(nn.Module):
    """Multiplies by a number that every forward pass raises by one, and remembers."""

    n: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2).double()
        self.register_buffer("n", torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        out: Tensor = self.linear(x) * self.n
        return out


def test_the_backward_pass_sees_the_buffers_that_the_forward_pass_left() -> None:
    """By hand: with n = 1 it is the linear model itself; before, the number is 0, and so is H."""
    torch.manual_seed(0)
    counting, data = Counting(), batches()
    found = top_eigenvalues(Hessian(counting, squared, data)).values[0]
    assert found == pytest.approx(
        top_eigenvalues(Hessian(counting.linear, squared, data)).values[0], rel=1e-9
    )
    assert float(counting.n) == 0


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda m, b: m(b[0]).mean() * float("nan"), "the loss is not finite: nan"),
        (lambda m, b: m(b[0]).mean().detach(), "has no gradient"),
    ],
)
def test_a_loss_without_curvature_to_measure_is_refused(loss: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        top_eigenvalues(Hessian(tanh_net(), loss, batches()))


def test_complex_parameters_are_refused() -> None:
    model = nn.Linear(3, 2, dtype=torch.complex128)

    def loss(m: nn.Module, b: Any) -> torch.Tensor:
        return m(b[0].to(torch.complex128)).abs().mean()

    with pytest.raises(InputError, match="parameter weight is complex"):
        top_eigenvalues(Hessian(model, loss, batches()))
    with pytest.raises(InputError, match="parameter weight is complex"):
        noise_scale(model, loss, batches(4), 8)
