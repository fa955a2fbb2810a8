"""The tangent kernel and the feature ansatz of models whose gradients are known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.models.subject import Subject
from mutransfer_cli.probes.feature_learning.output_gradients import _normals, output_gradients
from mutransfer_cli.probes.feature_learning.trained_features import INIT, TRAINED, trained_features
from mutransfer_cli.probes.subject.proxies import trainee_of_subject
from mutransfer_cli.probes.subject.trainee import Trainee

X = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))


def trainee_of(model: nn.Module, y: Tensor, rate: float = 0.05) -> Trainee:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        return ((model(X) - y) ** 2).sum() / 2

    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    return trainee_of_subject(Subject(model, optimizer, loss, lambda seed: (X, y)), "x", 0)


class Parallel(nn.Module):
    """Linear in its parameters, with a layer before the readout that moves."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(3, 4), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.one(x) + self.two(x)
        return out


def test_the_kernel_of_a_linear_model_by_hand_and_it_does_not_move() -> None:
    """Of Wx + b projected on v, the gradients are v xᵀ and v: Θ = |v|²(x·x' + 1), twice here."""
    y = torch.randn(12, 4, generator=torch.Generator().manual_seed(1))
    trainee = trainee_of(Parallel(), y)
    found = output_gradients(trainee, (X, y))
    assert found is not None and found.asked is not None
    v = _normals(1, y)[0]
    by_hand = 2 * float(v @ v) * (X @ X.T + 1).double().numpy()
    assert found.kernel == pytest.approx(by_hand, rel=1e-4)
    with torch.no_grad():
        left = (y - trainee.model(X)) @ v  # minus the gradient of ½|f - y|² by f
    assert found.asked == pytest.approx(left.double().numpy(), rel=1e-4)
    moved = trained_features(trainee)
    assert moved.kernel == pytest.approx(0, abs=1e-6)
    assert moved.alignment[TRAINED] == pytest.approx(moved.alignment[INIT], rel=1e-4)


def deep_linear(start: float) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8, bias=False), nn.Linear(8, 2, bias=False))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(start)
    return model


def test_a_deep_linear_net_that_learned_one_mode_obeys_the_ansatz() -> None:
    """From small init W₁ = √λ u aᵀ and W₂ = √λ b uᵀ: WᵀW = λ aaᵀ and AGOP = λ² aaᵀ, cosine 1."""
    target = X @ torch.tensor([[1.0, 2.0, -1.0]]).T @ torch.tensor([[1.0, 0.5]])
    trained = trained_features(trainee_of(deep_linear(1e-2), target, 0.01))
    assert trained.ansatz[TRAINED]["0"] == pytest.approx(1, abs=1e-3)
    assert trained.kernel is not None and trained.kernel > 10  # it has grown from nearly nothing
    assert trained.ansatz[INIT]["0"] < 0.95  # the control: as it was drawn


def test_without_a_row_for_each_example_nothing_is_measured() -> None:
    class Total(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            total: Tensor = self.layer(x).sum()
            return total

    assert output_gradients(trainee_of(Total(), torch.zeros(())), (X, X)) is None


def test_shared_inputs_are_seen_by_each_layer_alone() -> None:
    """f = a(x) + b(x) with a(x) = 2x₁ and b(x) = x₂: gradients (2, 0) and (0, 1), not (2, 1)."""

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
            self.out = nn.Linear(1, 1, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(self.a(x) + self.b(x))
            return out

    model = Two()
    with torch.no_grad():
        model.a.weight.copy_(torch.tensor([[2.0, 0.0]]))
        model.b.weight.copy_(torch.tensor([[0.0, 1.0]]))
        model.out.weight.fill_(1.0)
    x = X[:, :2]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    subject = Subject(model, optimizer, lambda m, b: m(x).square().mean(), lambda seed: (x, x))
    found = output_gradients(trainee_of_subject(subject, "x", 0), (x, x))
    assert found is not None
    assert found.ansatz == pytest.approx({"a": 1.0, "b": 1.0})
    assert np.linalg.matrix_rank(found.kernel) <= 5  # the model's parameters
