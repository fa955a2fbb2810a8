"""The gradient noise scale against per-example gradients, exactly known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.probes.gradient_noise import moments, noise_scale


def loss(model: nn.Module, batch: Any) -> Tensor:
    x, y = batch
    return ((model(x) - y) ** 2).mean()


def regression(count: int) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(count, 5)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5], [0.0], [1.0]]) + 2.0 * torch.randn(count, 1)
    return nn.Linear(5, 1), x, y


def test_it_is_that_of_the_gradients_of_all_examples() -> None:
    """The truth: covariance and mean of 64,000 gradients of single examples."""
    model, x, y = regression(64_000)
    with torch.no_grad():
        residual = 2 * (model(x) - y)
    single = torch.cat([residual * x, residual], 1).double()  # weight, then bias
    truth = float(single.var(0).sum() / (single.mean(0) ** 2).sum())
    batches = list(zip(x.split(1000), y.split(1000), strict=True))
    found = noise_scale(model, loss, batches, 1000)
    assert found.noise_scale.value == pytest.approx(truth, rel=0.05)
    assert found.noise_scale.low is not None and found.noise_scale.high is not None
    assert found.noise_scale.low < truth < found.noise_scale.high
    assert found.trace == pytest.approx(float(single.var(0).sum()), rel=0.05)
    bias = single[:, 5]
    assert found.tensors["bias"].value == pytest.approx(
        float(bias.var() / bias.mean() ** 2), rel=0.5
    )
    assert set(found.tensors) == {"weight", "bias"}


def test_moments_by_hand() -> None:
    """Gradients 1 and 3 of batches of 10: variance 2 of a batch, 20 of an example; |G|² 4 - 1."""
    assert moments(np.outer([1.0, 3.0], [1.0, 3.0]), 10) == pytest.approx((20.0, 3.0))


def test_the_formula_of_two_batch_sizes_that_the_docs_give() -> None:
    """Four parts of 8 examples and the batch of 32 that they make (1812.06162, appendix A.1)."""
    parts = np.random.default_rng(0).normal(1.0, 2.0, (4, 7))
    (small, g2_small), (large, g2_large) = (
        (8, (parts**2).sum(1).mean()),
        (32, (parts.mean(0) ** 2).sum()),
    )
    trace = (g2_small - g2_large) / (1 / small - 1 / large)
    squared = (large * g2_large - small * g2_small) / (large - small)
    assert moments(parts @ parts.T, small) == pytest.approx((trace, squared))


def test_gradients_that_are_noise_alone_have_no_upper_bound() -> None:
    """At the optimum the mean gradient is zero."""
    model, x, y = regression(3200)
    design = torch.cat([x, torch.ones(len(x), 1)], 1)
    best = torch.linalg.lstsq(design, y).solution
    with torch.no_grad():
        model.weight.copy_(best[:5].T)  # type: ignore[operator,union-attr]  # nn.Module says Any
        model.bias.copy_(best[5])  # type: ignore[operator,union-attr]  # nn.Module says Any
    found = noise_scale(model, loss, list(zip(x.split(100), y.split(100), strict=True)), 100)
    assert found.noise_scale.high is None
    assert found.noise_scale.value == 3200  # all examples: more cannot be told from infinity


def test_too_few_batches_are_refused() -> None:
    model, x, y = regression(30)
    with pytest.raises(InputError, match="at least 4 batches, found 3"):
        noise_scale(model, loss, list(zip(x.split(10), y.split(10), strict=True)), 10)
