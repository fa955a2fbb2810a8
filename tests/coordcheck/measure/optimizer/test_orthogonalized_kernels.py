"""Kernels and stacks of matrices that an optimizer orthogonalizes are judged as matrices are."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli import Subject, check
from mutransfer_cli.coordcheck.measure.optimizer.optimizer_kind import update_geometries
from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, SPECTRAL, Geometry

WIDTHS = (16, 32, 64)


def polar(matrix: Tensor) -> Tensor:
    """The matrix, or each matrix of a stack, with singular values 1, those of 0 left at 0."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    kept = (s > 1e-4 * s.amax(-1, keepdim=True)).to(u)
    return (u * kept[..., None, :]) @ v


def muon(g: Tensor) -> Tensor:
    """Kernels flattened to (out, in · positions), stacks matrix by matrix: KellerJordan/Muon."""
    if g.dim() < 2:
        return g.sign()
    return polar(g.flatten(1) if g.dim() == 4 else g).reshape(g.shape)


def resized_muon(g: Tensor) -> Tensor:
    """The same at an RMS of 1, whose entries are those of a sign (AdaMuon, 2507.11005)."""
    update = muon(g)
    return update / update.square().mean().sqrt()


class Descent(torch.optim.Optimizer):
    """A step along a function of the gradient alone."""

    def __init__(self, groups: Any, direction: Callable[[Tensor], Tensor]) -> None:
        super().__init__(groups, {"lr": 0.01})
        self.direction = direction

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(self.direction(p.grad), alpha=group["lr"])


@pytest.mark.parametrize("shape", [(12, 8, 3, 3), (12, 1, 3, 3), (4, 12, 20)])
@pytest.mark.parametrize(
    ("direction", "geometry"),
    [
        (muon, SPECTRAL),
        (resized_muon, SIGN),  # the controls
        (torch.sign, SIGN),
        (lambda g: g / g.norm(), SIGN),  # does not follow the gradient's scale: the nearest
        (lambda g: g, GRADIENT),
    ],
)
def test_geometry_of_kernels_and_stacks(
    shape: tuple[int, ...], direction: Callable[[Tensor], Tensor], geometry: Geometry
) -> None:
    def fresh() -> Subject:
        model = nn.Module()
        model.weight = nn.Parameter(torch.ones(shape))
        return Subject(model, Descent(model.parameters(), direction))

    assert update_geometries(fresh) == {"weight": geometry}


class Net(nn.Module):
    """Two convolutions and a stack of four matrices, whose results are averaged."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, padding=1, bias=False)
        self.conv = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.stack = nn.Parameter(torch.randn(4, width, width) / sqrt(width))
        self.readout = nn.Linear(width, 4, bias=False)
        nn.init.zeros_(self.readout.weight)
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(torch.relu(self.stem(x)))).mean((2, 3))
        x = torch.relu(torch.matmul(x, self.stack)).mean(0)
        logits: Tensor = self.readout(x) * (WIDTHS[0] / self.width)
        return logits


def builder(hidden: float) -> Callable[[int, int], Subject]:
    """A model whose hidden matrices have a rate ∝ width^hidden; the ends follow `docs/muon.md`."""

    def build(width: int, seed: int = 0) -> Subject:
        torch.manual_seed(seed)
        model = Net(width)
        m = width / WIDTHS[0]
        groups = [
            {"params": [model.conv.weight, model.stack], "lr": 0.02 * m**hidden},
            {"params": [model.stem.weight, model.readout.weight], "lr": 0.02 * sqrt(m)},
        ]

        def batch(seed: int) -> tuple[Tensor, Tensor]:
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(32, 1, 6, 6, generator=generator)
            return x, torch.randint(0, 4, (32,), generator=generator)

        def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            return nn.functional.cross_entropy(model(batch[0]), batch[1])

        return Subject(model, Descent(groups, muon), loss, batch)

    return build


@pytest.mark.parametrize("static", [True, False])
def test_rates_of_orthogonalized_kernels_and_stacks(static: bool) -> None:
    """The spectral condition: a constant rate for sides that grow alike (arXiv 2310.17813)."""
    report = check(builder(0.0), WIDTHS, static=static)
    assert report.verdict == "pass", report.document.reason
    # the control: the rate of Adam
    report = check(builder(-1.0), WIDTHS, static=static)
    findings = {t.name: t.finding for t in report.tensors if t.verdict == "fail"}
    assert findings == {"conv.weight": "lr-too-small", "stack": "lr-too-small"}
