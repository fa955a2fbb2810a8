"""Resolves the option `--device`, which may name several devices of the machine."""

from __future__ import annotations

import torch

from mutransfer_cli.errors import InputError


def resolve_device(name: str) -> str:
    """The device that `--device` names; `auto` is the first CUDA GPU, else the CPU.

    Raises:
        InputError: The machine does not have this device.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return "cuda:0" if cuda else "cpu"
    kind, _, index = name.partition(":")
    known = kind in {"cpu", "cuda", "mps"} and (not index or (kind == "cuda" and index.isdigit()))
    if not known:
        raise InputError(f"--device {name}: expected auto, cpu, cuda, cuda:N or mps")
    if (kind == "cuda" and not (cuda and int(index or 0) < torch.cuda.device_count())) or (
        kind == "mps" and not mps
    ):
        raise InputError(f"--device {name}: not on this machine; --device auto takes what there is")
    return "cuda:0" if name == "cuda" else name


def resolve_devices(name: str) -> tuple[str, ...]:
    """The devices that `--device` names: one, a list with commas, or `all` GPUs, else the CPU.

    Raises:
        InputError: The machine does not have one of them, or they are of several kinds.
    """
    if name == "all":
        return tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())) or ("cpu",)
    devices = tuple(resolve_device(part.strip()) for part in name.split(","))
    if len({device.partition(":")[0] for device in devices}) > 1:
        raise InputError(f"--device {name}: expected devices of one kind")
    return devices
