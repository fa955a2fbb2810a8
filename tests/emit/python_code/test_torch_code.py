"""Several optimizers as one: the steps of both, and a state that can be saved and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mutransfer_cli.emit.scale import scale
from tests.helpers.emit_readers import executed
from tests.helpers.emit_recipes import small_recipe

if not hasattr(torch.optim, "Muon"):
    pytest.skip("torch has no Muon", allow_module_level=True)


def parameters() -> list[torch.nn.Parameter]:
    stream = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(4, 4, generator=stream)) for _ in range(2)]


def separate(pair: list[torch.nn.Parameter]) -> list[torch.optim.Optimizer]:
    return [torch.optim.Muon([pair[0]], lr=0.1), torch.optim.AdamW([pair[1]], lr=0.01)]


def step(optimizers: list[Any], pair: list[torch.nn.Parameter], count: int, first: int = 0) -> None:
    for t in range(first, first + count):
        for parameter in pair:
            parameter.grad = torch.sin(parameter.detach() + t)
        for optimizer in optimizers:
            optimizer.step()


def test_combined_optimizers_step_and_resume(tmp_path: Path) -> None:
    code = executed(scale(small_recipe(tmp_path), width=64, format="torch").text())
    expected, combined, resumed = parameters(), parameters(), parameters()
    step(separate(expected), expected, 5)
    optimizer = code["CombinedOptimizer"](separate(combined))
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.01]
    step([optimizer], combined, 3)
    with torch.no_grad():
        for ours, theirs in zip(resumed, combined, strict=True):
            ours.copy_(theirs)
    other = code["CombinedOptimizer"](separate(resumed))
    other.load_state_dict(optimizer.state_dict())
    step([other], resumed, 2, first=3)
    for found, wanted in zip(resumed, expected, strict=True):
        assert torch.equal(found, wanted)
    # control: without the saved state the steps differ
    fresh = [torch.nn.Parameter(p.detach().clone()) for p in combined]
    step([code["CombinedOptimizer"](separate(fresh))], fresh, 2, first=3)
    assert not torch.equal(fresh[1], expected[1])


def test_a_schedule_of_the_combination_reaches_both(tmp_path: Path) -> None:
    """Ten steps, one of warmup, then (10 - t) / 9 of the peak."""
    code = executed(scale(small_recipe(tmp_path), width=64, format="torch").text())
    pair = parameters()
    optimizer = code["CombinedOptimizer"](separate(pair))
    scheduler = code["scheduler"](optimizer)
    for _ in range(5):
        step([optimizer], pair, 1)
        scheduler.step()
    rates = [part.param_groups[0]["lr"] for part in optimizer.optimizers]
    assert rates == pytest.approx([0.1 * 5 / 9, 0.01 * 5 / 9])
