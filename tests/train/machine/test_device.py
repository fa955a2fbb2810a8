"""What `--device` may name, on a machine as the test describes it."""

from __future__ import annotations

import pytest
import torch

from mutransfer_cli.errors import InputError
from mutransfer_cli.train.machine.device import resolve_device, resolve_devices


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine with so many GPUs, and no Apple one."""
    gpus: int = request.param
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("machine", "name", "device"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
        (2, "cpu", "cpu"),
    ],
    indirect=["machine"],
)
def test_devices(machine: None, name: str, device: str) -> None:
    assert resolve_device(name) == device


@pytest.mark.parametrize(
    ("machine", "name", "line"),
    [
        (0, "cuda", "not on this machine"),
        (2, "cuda:2", "not on this machine"),
        (2, "mps", "not on this machine"),
        (2, "gpu", "expected auto, cpu, cuda, cuda:N or mps"),
        (2, "cuda:x", "expected auto"),
        (2, "cuda:-1", "expected auto"),
        (2, "cpu:0", "expected auto"),
        (2, "", "expected auto"),
    ],
    indirect=["machine"],
)
def test_devices_that_there_are_not(machine: None, name: str, line: str) -> None:
    with pytest.raises(InputError, match=f"--device {name}: {line}"):
        resolve_device(name)


@pytest.mark.parametrize(
    ("machine", "name", "devices"),
    [
        (3, "all", ("cuda:0", "cuda:1", "cuda:2")),
        (0, "all", ("cpu",)),
        (3, "cuda:2, cuda:0", ("cuda:2", "cuda:0")),
        (0, "cpu,cpu", ("cpu", "cpu")),
        (2, "auto", ("cuda:0",)),
    ],
    indirect=["machine"],
)
def test_several_devices(machine: None, name: str, devices: tuple[str, ...]) -> None:
    assert resolve_devices(name) == devices


@pytest.mark.parametrize(
    ("machine", "name", "line"),
    [(2, "cuda:0,cuda:2", "not on this machine"), (2, "cuda:0,cpu", "devices of one kind")],
    indirect=["machine"],
)
def test_several_devices_that_cannot_be_used(machine: None, name: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        resolve_devices(name)
