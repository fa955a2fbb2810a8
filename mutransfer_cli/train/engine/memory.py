"""How much memory a trial takes, and how much there is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.models.subject import Subject

SHARE = 0.5  # of what is free
COPIES = 5  # of the parameters: weights, gradients, two moments, and one in passing
CGROUP = Path("/sys/fs/cgroup")


def bytes_per_trial(subject: Subject, batch: Any) -> int:
    """Of one trial in a population: tensors, gradients, moments, and what the backward pass keeps.

    Activations count twice: for what operations need in passing.
    """
    kept = 0

    def weigh(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel() * tensor.element_size()
        return tensor

    assert subject.loss is not None
    with (
        torch.random.fork_rng(devices=[]),
        torch.autograd.graph.saved_tensors_hooks(weigh, lambda t: t),
    ):
        subject.loss(subject.model, batch)
    own = sum(p.numel() * p.element_size() for p in subject.model.parameters())
    return COPIES * own + 2 * kept


def available_bytes(device: str) -> int:
    """Bytes that all populations on a device may take together."""
    if torch.device(device).type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(SHARE * free)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:  # a container may have less than the machine
        limit = int((CGROUP / "memory.max").read_text()) - int(
            (CGROUP / "memory.current").read_text()
        )
        free = min(free, max(limit, 0))
    except (OSError, ValueError):
        pass
    return int(SHARE * free)
