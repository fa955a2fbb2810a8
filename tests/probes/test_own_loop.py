"""The library in a loop of one's own: compiled, under autocast, with dropout and batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.probes import Hessian, noise_scale, stability, top_eigenvalues

X = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
BATCH = (X, torch.sin(X[:, :1]))


def squared(model: nn.Module, batch: Any) -> Tensor:
    return ((model(batch[0]) - batch[1]) ** 2).mean()


def in_bfloat16(model: nn.Module, batch: Any) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = model(batch[0]).float()
    return ((output - batch[1]) ** 2).mean()


def trained(*middle: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *middle, nn.Tanh(), nn.Linear(8, 1))


def ratio(model: nn.Module, loss: Callable[[nn.Module, Any], Tensor] = squared) -> float:
    """After three steps of AdamW, each followed by a measurement."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model, BATCH).backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        optimizer.step()
        found = stability(Hessian(model, loss, [BATCH]), optimizer)
    return found.ratio


def test_a_compiled_model_has_the_curvature_of_its_own() -> None:
    """A compiled backward pass cannot be differentiated again; the eager one is."""
    compiled = torch.compile(trained(), backend="aot_eager")
    assert ratio(compiled) == pytest.approx(ratio(trained()), rel=1e-4)
    batches = [(X[i : i + 4], BATCH[1][i : i + 4]) for i in range(0, 32, 4)]
    noise = noise_scale(compiled, squared, batches, 4).noise_scale.value
    plain = trained()
    plain.load_state_dict({k.split(".", 1)[1]: v for k, v in compiled.state_dict().items()})
    assert noise == pytest.approx(noise_scale(plain, squared, batches, 4).noise_scale.value, 1e-4)


def test_under_autocast() -> None:
    """Bfloat16 has three digits."""
    assert ratio(trained(), in_bfloat16) == pytest.approx(ratio(trained()), rel=0.05)


def test_dropout_and_batch_norm_are_frozen_while_it_measures() -> None:
    """Against the dense Hessian of the loss with the same mask (torch.autograd.functional)."""
    model = trained(nn.Dropout(0.5), nn.BatchNorm1d(8))
    means = model[2].running_mean.clone()  # type: ignore[union-attr,operator]  # of batch norm
    hessian = Hessian(model, squared, [BATCH])
    found = top_eigenvalues(hessian).values[0]
    named = dict(model.named_parameters())

    def of_weights(flat: Tensor) -> Tensor:
        parts = flat.split([p.numel() for p in named.values()])
        new = {n: v.view_as(p) for (n, p), v in zip(named.items(), parts, strict=True)}
        torch.manual_seed(0)
        return ((torch.func.functional_call(model, new, BATCH[0]) - BATCH[1]) ** 2).mean()

    weights = torch.cat([p.detach().reshape(-1) for p in named.values()])
    assert torch.equal(model[2].running_mean, means)  # type: ignore[arg-type]  # of batch norm
    dense = torch.autograd.functional.hessian(of_weights, weights)
    assert found == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-3)
    assert torch.rand(1) != torch.rand(1)
