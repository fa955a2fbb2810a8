"""Batches in memory that stays where it is, for steps that are captured."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

PLAIN = (int, float, str, bool, type(None))


def structure_of(batch: Any) -> Any:
    """What two batches have in common that can lie in the same memory; None where nothing can.

    Shapes and types of tensors; what is no tensor by its value, which a captured step would keep.
    """
    if isinstance(batch, Tensor):
        return tuple(batch.shape), batch.dtype
    parts: Any
    if isinstance(batch, tuple | list):
        parts = [structure_of(part) for part in batch]
        return None if None in parts else (type(batch), parts)
    if isinstance(batch, dict):
        parts = {key: structure_of(part) for key, part in batch.items()}
        return None if None in parts.values() else (dict, parts)
    return ("value", batch) if isinstance(batch, PLAIN) else None


def allocate_like(batch: Any, place: torch.device) -> Any:
    """A copy on the device, in memory of its own."""
    if isinstance(batch, Tensor):
        return torch.empty_like(batch, device=place).copy_(batch)
    if isinstance(batch, tuple | list):
        return type(batch)(allocate_like(part, place) for part in batch)
    if isinstance(batch, dict):
        return {key: allocate_like(part, place) for key, part in batch.items()}
    return batch


def copy_into(room: Any, batch: Any) -> None:
    """Write a batch of the same form; the device may still be busy with the one before."""
    if isinstance(room, Tensor):
        room.copy_(batch, non_blocking=True)
    elif isinstance(room, tuple | list):
        for part, new in zip(room, batch, strict=True):
            copy_into(part, new)
    elif isinstance(room, dict):
        for key, part in room.items():
            copy_into(part, batch[key])
