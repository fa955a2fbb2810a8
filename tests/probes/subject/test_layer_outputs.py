"""Outputs of layers, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.probes.subject.layer_outputs import layer_outputs
from mutransfer_cli.probes.subject.trainee import Trainee


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.again, self.out = nn.Linear(1, 1), nn.Linear(1, 1)
        for p in self.parameters():
            nn.init.constant_(p, 2.0)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros_like(x)
        for _ in range(3):
            h = self.again(h)
        result: Tensor = self.out(h)
        return result


def test_a_layer_that_is_called_again_counts_with_its_last_output() -> None:
    """From 0: 2, then 2·2 + 2 = 6, then 2·6 + 2 = 14; the first is the bias and nothing else."""
    model, x = Recurrent(), torch.zeros(1, 1)
    roles = {"out.weight": "readout"}
    trainee = Trainee(model, None, lambda m, b: m(b).sum(), lambda i: x, lambda i: 0.0, 1, roles)
    outputs = layer_outputs(trainee, x)
    assert list(outputs) == ["again"]  # without the readout
    assert float(outputs["again"]) == pytest.approx(14.0)


class Gated(nn.Module):
    """torch's GRU, which returns a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.out = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(self.gru(x)[0])
        return result


def test_a_layer_that_returns_a_tuple_counts_with_its_outputs() -> None:
    model, x = Gated(), torch.ones(4, 5, 2)
    roles = {"out.weight": "readout"}
    trainee = Trainee(model, None, lambda m, b: m(b).sum(), lambda i: x, lambda i: 0.0, 1, roles)
    outputs = layer_outputs(trainee, x)
    assert list(outputs) == ["gru"]
    assert torch.equal(outputs["gru"], model.gru(x)[0])  # (4, 5, 3), not the states (1, 4, 3)


def test_without_a_plan_the_last_layer_with_a_matrix_is_the_readout() -> None:
    """A Subject of one's own: nothing says which layer is the readout."""
    model, x = Gated(), torch.ones(4, 5, 2)
    trainee = Trainee(model, None, lambda m, b: m(b).sum(), lambda i: x, lambda i: 0.0, 1, {})
    assert list(layer_outputs(trainee, x)) == ["gru"]
