"""Initializes a model by its plan, with the same values on any device and with any sharding."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.errors import InputError
from mutransfer_cli.plans.parameters import parameters_by_name
from mutransfer_cli.plans.types import PlanData


def tensor_generator(seed: int, name: str) -> torch.Generator:
    """A tensor's own random stream, which depends only on the seed and the tensor's name."""
    digest = blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


@torch.no_grad()
def initialize(plan: PlanData, model: nn.Module, seed: int) -> None:
    """Initialize the model's parameters in place; see `Plan.initialize`.

    Raises:
        InputError: The model's parameters are not those of the plan, or are on the meta device.
    """
    parameters = parameters_by_name(plan, model)
    for tensor in plan.tensors:
        p = parameters[tensor.name]
        if p.is_meta:
            raise InputError(
                f"plan: {tensor.name} is on the meta device; call model.to_empty(device=...) first"
            )
        if tensor.init == "normal":
            generator = tensor_generator(seed, tensor.name)
            dtype = p.dtype if p.is_complex() else None  # real and imaginary part
            values = torch.randn(tensor.shape, generator=generator, dtype=dtype)
            write_values(p, values.mul_(tensor.init_std or 0.0))
        elif tensor.init == "zero":
            p.zero_()
        elif tensor.init == "rescale":
            rms = float(full_tensor(p).abs().float().square().mean().sqrt())
            if rms > 0:
                p.mul_((tensor.init_std or 0.0) / rms)


def full_tensor(p: Tensor) -> Tensor:
    """The full tensor, gathered if this process holds only a shard of it."""
    return p.full_tensor() if hasattr(p, "full_tensor") else p


def write_values(p: Any, values: Tensor) -> None:
    """Write values into a tensor; if it is sharded, each process writes its own shard."""
    if hasattr(p, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        mesh = p.device_mesh
        distributed: Tensor = distribute_tensor(
            values.to(p.device, p.dtype), mesh, p.placements, src_data_rank=None
        )
        p.copy_(distributed)
    else:
        p.copy_(values)
