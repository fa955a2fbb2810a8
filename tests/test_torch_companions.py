"""A torchvision that is built for another torch is told, without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from mutransfer_cli import torch_companions
from mutransfer_cli.torch_companions import mismatches, named_mismatch

ERROR = "operator torchvision::nms does not exist"  # what importing such a torchvision says


def installed(monkeypatch: pytest.MonkeyPatch, torch: str, pin: str) -> None:
    """Pretend that torchvision 0.20.1 is installed beside a torch."""
    versions = {"torch": torch, "torchvision": "0.20.1"}

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    def requires(name: str) -> list[str]:
        version(name)
        return ["numpy", pin, 'scipy; extra == "scipy"']

    monkeypatch.setattr(torch_companions, "version", version)
    monkeypatch.setattr(torch_companions, "requires", requires)


@pytest.mark.parametrize("pin", ["torch==2.5.1", "torch (==2.5.1)"])
def test_it_is_named_with_the_repair(monkeypatch: pytest.MonkeyPatch, pin: str) -> None:
    """torchvision 0.20.1 is that of torch 2.5.1: https://pypi.org/project/torchvision/0.20.1."""
    installed(monkeypatch, "2.13.0+cpu", pin)
    text = (
        "torchvision 0.20.1 is built for torch 2.5.1, found 2.13.0: "
        "pip install --upgrade torchvision torch==2.13.0"
    )
    assert mismatches() == {"torchvision": text}
    assert named_mismatch(ERROR) == f"; {text}"
    assert named_mismatch("no file weights.pt") == ""


def test_one_that_fits_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, "2.5.1+cu121", "torch==2.5.1")
    assert mismatches() == {}
    assert named_mismatch(ERROR) == ""
    installed(monkeypatch, "2.13.0", "torch>=2.0")
    assert mismatches() == {}
