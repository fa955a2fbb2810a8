"""Initialising a model as a plan says, on any device and on every shard alike."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.types import PlanData


def tensor_generator(seed: int, name: str) -> torch.Generator:
    """A tensor's own random stream, the same whatever else the model holds."""
    digest = blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@torch.no_grad()
def initialize(plan: PlanData, model: nn.Module, seed: int) -> None:
    found = parameters_by_name(plan, model)
    for tensor in plan.tensors:
        p = found[tensor.name]
        if p.is_meta:
            raise InputError(
                f"plan: {tensor.name} is on the meta device; call model.to_empty(device=...) first"
            )
        if tensor.init == "normal":
            values = torch.randn(tensor.shape, generator=tensor_generator(seed, tensor.name))
            write_values(p, values.mul_(tensor.init_std or 0.0))
        elif tensor.init == "zero":
            p.zero_()
        elif tensor.init == "rescale":
            rms = float(full_tensor(p).float().square().mean().sqrt())
            if rms > 0:
                p.mul_((tensor.init_std or 0.0) / rms)


def full_tensor(p: Tensor) -> Tensor:
    """All of a tensor, of which this process may hold a shard."""
    return p.full_tensor() if hasattr(p, "full_tensor") else p


def write_values(p: Any, values: Tensor) -> None:
    """Write values into a tensor; of a sharded one each process writes its own part."""
    if hasattr(p, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        mesh = p.device_mesh
        placed: Tensor = distribute_tensor(
            values.to(p.device, p.dtype), mesh, p.placements, src_data_rank=None
        )
        p.copy_(placed)
    else:
        p.copy_(values)
