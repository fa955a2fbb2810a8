"""Rates, fused kernels and memory layout of torch's own optimizers."""

from __future__ import annotations

import torch

from mutransfer_cli.optimizers.lion import Lion
from mutransfer_cli.plans.multi_optimizer import MultiOptimizer
from mutransfer_cli.train.torch_optimizers import PeakRates, enable_fused, match_memory_format


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(2, 3))


def test_every_group_is_scaled_from_its_own_peak() -> None:
    optimizer = torch.optim.SGD([{"params": [parameter()], "lr": lr} for lr in (0.1, 0.4)])
    rates = PeakRates([optimizer])
    for factor in (0.5, 0.25):  # of the peak, not of the rate before
        rates.scale(factor)
        assert [g["lr"] for g in optimizer.param_groups] == [0.1 * factor, 0.4 * factor]


def test_a_state_that_was_loaded_is_scaled_too() -> None:
    """torch puts new groups in the place of the old ones."""
    optimizer = torch.optim.SGD([parameter()], lr=0.1)
    rates = PeakRates([optimizer])
    optimizer.load_state_dict(optimizer.state_dict())
    rates.scale(0.5)
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_fused_kernels_are_taken_where_an_optimizer_has_them() -> None:
    parts = [torch.optim.AdamW([parameter()]), Lion([parameter()])]
    enable_fused(MultiOptimizer(parts))
    assert parts[0].param_groups[0]["fused"] is True
    assert "fused" not in parts[1].param_groups[0]  # the control


def test_moments_follow_the_layout_of_their_parameter() -> None:
    transposed = torch.nn.Parameter(torch.zeros(3, 2).t())
    optimizer = torch.optim.AdamW([transposed])
    values = torch.arange(6.0).view(2, 3)
    optimizer.state[transposed]["exp_avg"] = values
    match_memory_format(optimizer)
    moment = optimizer.state[transposed]["exp_avg"]
    assert moment.stride() == transposed.stride() != values.stride()
    assert torch.equal(moment, values)
