"""Estimates the memory that a trial takes, and the memory that is available."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.models.subject import Subject

USABLE_SHARE = 0.5  # of the free memory
PARAMETER_COPIES = 5  # weights, gradients, two moments, and a temporary copy
CGROUP = Path("/sys/fs/cgroup")


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """A context that counts what operations save for the backward pass."""

    def __init__(self) -> None:
        """Start at zero."""
        self.count = 0
        super().__init__(self._add, lambda tensor: tensor)

    def _add(self, tensor: Tensor) -> Tensor:
        self.count += tensor.numel() * tensor.element_size()
        return tensor


def bytes_per_trial(subject: Subject, batch: Any) -> int:
    """Bytes of one trial of a population: tensors, gradients, moments, and saved activations.

    Activations count twice, to allow for temporary memory of the operations.
    """
    assert subject.loss is not None
    saved = SavedBytes()
    with torch.random.fork_rng(devices=[]), saved:
        subject.loss(subject.model, batch)
    params = sum(p.numel() * p.element_size() for p in subject.model.parameters())
    return PARAMETER_COPIES * params + 2 * saved.count


def available_bytes(device: str) -> int:
    """Bytes that all populations on a device may take together."""
    if torch.device(device).type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(USABLE_SHARE * free)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:  # a container may have less than the machine
        limit = int((CGROUP / "memory.max").read_text()) - int(
            (CGROUP / "memory.current").read_text()
        )
        free = min(free, max(limit, 0))
    except (OSError, ValueError):
        pass
    return int(USABLE_SHARE * free)
