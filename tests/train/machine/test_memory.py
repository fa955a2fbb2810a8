"""Memory of a trial, counted by hand; free memory, also of a container."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mutransfer_cli.models.subject import Subject
from mutransfer_cli.train.machine import memory
from mutransfer_cli.train.machine.memory import available_bytes, bytes_per_trial


def product(model: nn.Module, batch: Tensor) -> Tensor:
    return (model.get_parameter("weight") * batch).sum()


def test_parameters_five_times_and_activations_twice() -> None:
    """By hand: 6 float32 weights are 24 bytes; their product keeps the batch for the backward pass.

    autograd saves for a gradient of the weights only the batch, of 24 bytes: 5·24 + 2·24.
    """
    model = nn.Linear(3, 2, bias=False)
    batch = torch.ones(2, 3)
    assert bytes_per_trial(Subject(model, loss=product), batch) == 5 * 24 + 2 * 24
    frozen = nn.Linear(3, 2, bias=False).requires_grad_(False)
    assert bytes_per_trial(Subject(frozen, loss=product), batch) == 5 * 24  # the control


def test_the_random_numbers_stay_as_they_were() -> None:
    model = nn.Linear(3, 2)
    before = torch.random.get_rng_state()
    bytes_per_trial(Subject(model, loss=lambda m, b: m(torch.randn(4, 3)).sum()), None)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("limit", "used", "share"),
    [
        ("1000", "400", 300),  # half of the 600 that the container has left
        ("1000", "1200", 0),
        ("max", "400", 4096),  # half of the machine's 8192
        ("1000000", "0", 4096),
    ],
)
def test_a_container_may_have_less_than_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, used: str, share: int
) -> None:
    sizes = {"SC_AVPHYS_PAGES": 2, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(limit + "\n")
    (tmp_path / "memory.current").write_text(used + "\n")
    assert available_bytes("cpu") == share
