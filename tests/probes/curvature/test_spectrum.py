"""The largest eigenvalues against those of two other packages, where these are installed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.probes.curvature.hessian import Hessian
from mutransfer_cli.probes.curvature.spectrum import top_eigenvalues

COUNT = 3
CRITERION = nn.MSELoss()


def net_and_data() -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    """A net with 250 parameters, and two batches of one size."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2))
    draw = torch.Generator().manual_seed(1)
    batches = [
        tuple(torch.randn(32, n, generator=draw, dtype=torch.float64) for n in (6, 2))
        for _ in range(2)
    ]
    return net.double(), batches  # type: ignore[return-value]  # pairs


def loss(model: nn.Module, batch: Any) -> Tensor:
    value: Tensor = CRITERION(model(batch[0]), batch[1])
    return value


def found(batches: list[tuple[Tensor, Tensor]], net: nn.Module) -> tuple[float, ...]:
    return top_eigenvalues(Hessian(net, loss, batches), count=COUNT).values


def test_curvlinops_finds_the_same() -> None:
    curvlinops = pytest.importorskip("curvlinops", reason="installed by `make test`")
    from scipy.sparse.linalg import eigsh

    net, batches = net_and_data()
    operator = curvlinops.HessianLinearOperator(net, CRITERION, list(net.parameters()), batches)
    right = eigsh(operator.to_scipy(), k=COUNT, which="LA")[0][::-1]
    assert found(batches, net) == pytest.approx(right.tolist(), abs=1e-4 * right[0])
    assert found(batches[:1], net)[0] != pytest.approx(right[0], rel=1e-3)  # the control


def test_hessian_eigenthings_finds_the_same() -> None:
    eigenthings = pytest.importorskip("hessian_eigenthings", reason="installed by `make test`")
    net, batches = net_and_data()
    operator = eigenthings.HessianOperator(net, batches, loss)
    right = eigenthings.lanczos(
        operator, k=COUNT, max_iter=60, reorthogonalize=True, which="LA", seed=0
    )
    right = right.eigenvalues.sort(descending=True).values
    assert found(batches, net) == pytest.approx(right.tolist(), abs=1e-4 * float(right[0]))
    assert found(batches[:1], net)[0] != pytest.approx(float(right[0]), rel=1e-3)  # the control
