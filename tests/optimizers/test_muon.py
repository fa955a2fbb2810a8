"""Muon's own factor on the learning rate, against a step of torch's class."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.optimizers.muon import MUON

pytestmark = pytest.mark.skipif(MUON.torch_class() is None, reason="torch has Muon since 2.9")


@pytest.mark.parametrize("shape", [(32, 8), (8, 8), (8, 32)])
def test_the_factor_is_that_of_the_class(shape: tuple[int, int]) -> None:
    """The step has the spectral norm lr · factor, up to the error of Newton-Schulz."""
    p = nn.Parameter(torch.zeros(shape))
    made = MUON.torch_class()
    assert made is not None
    optimizer = made([{"params": [p], "lr": 1.0, "weight_decay": 0.0}])  # type: ignore[call-arg]  # Optimizer has none of its own
    q = torch.linalg.qr(torch.randn(32, 8, generator=torch.Generator().manual_seed(0)))[0]
    p.grad = {(32, 8): q, (8, 8): q[:8].clone(), (8, 32): q.T.clone()}[shape]
    optimizer.step()
    norm = float(torch.linalg.matrix_norm(p.detach(), 2))
    assert norm == pytest.approx(MUON.lr_shape_factor(shape), rel=0.3)
    assert MUON.lr_shape_factor((32, 8)) == 2.0 and MUON.lr_shape_factor((8, 32)) == 1.0
