"""abc-symmetry of each geometry: a step with a multiplier t times as large, on real optimizers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mutransfer_cli.optimizers.geometry import GRADIENT, SIGN, Geometry
from mutransfer_cli.optimizers.protocol import GroupHyperparameters, optimizer_spec

T, LR, EPS, DECAY, STEPS = 4.0, 0.01, 0.1, 0.05, 5


def trained(name: str, t: float, geometry: Geometry | None = None) -> torch.Tensor:
    """The function's weight, multiplier · W, after some steps on a loss that is not linear."""
    spec = optimizer_spec(name)
    geometry = geometry or spec.geometry
    start = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    w = nn.Parameter(start / t)
    eps = EPS * t**geometry.eps_power
    made = spec.torch_class()
    assert made is not None
    group = {
        "params": [w],
        "lr": LR * t**geometry.lr_power,
        "weight_decay": DECAY * t**geometry.weight_decay_power,
        **spec.group_options(GroupHyperparameters((0.8, 0.9), eps, 0.9, False)),
    }
    optimizer = made([group])  # type: ignore[call-arg]  # Optimizer has none of its own
    for _ in range(STEPS):
        optimizer.zero_grad()
        (t * w).pow(3).sum().backward()
        optimizer.step()
    return (t * w).detach()


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion"])
def test_a_larger_multiplier_trains_the_same_function(name: str) -> None:
    torch.testing.assert_close(trained(name, T), trained(name, 1.0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "geometry"), [("sgd", SIGN), ("adamw", GRADIENT)])
def test_the_powers_of_another_geometry_do_not(name: str, geometry: Geometry) -> None:
    different = trained(name, T, geometry)
    assert not torch.allclose(different, trained(name, 1.0), rtol=1e-2, atol=1e-3)
