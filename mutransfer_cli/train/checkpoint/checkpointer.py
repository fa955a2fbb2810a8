"""Checkpoints: after a kill a long trial goes on in the middle, to the same last digit.

What is kept of a trial, or of a population: parameters, buffers, the optimizer's state, every loss
so far, and the states of the random generators of torch, numpy and Python. What a model keeps
elsewhere (a counter in a plain attribute) is not. Files are safetensors, or where that is missing
torch's, read with weights_only; neither runs code.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mutransfer_cli.train.checkpoint.file import (
    packed,
    random_state,
    read,
    read_header,
    restored,
    write,
)

SAVE_INTERVAL = 60.0  # seconds
FOLDER = "checkpoints"
GROUP = "group-"  # how the names of populations' files begin


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a trial was."""

    step: int
    losses: list[Tensor]
    untrained: float  # its loss before the first step
    seconds: float


class Checkpointer:
    """The checkpoint of what trains; `made_by` tells it apart from those of any other.

    stop_requested: set when the process is asked to end; what trains then saves and exits.
    """

    stop_requested = False
    active: Checkpointer | None = None

    def __init__(
        self, folder: Path, made_by: str, device: str, every: float = SAVE_INTERVAL, kind: str = ""
    ) -> None:
        self.made_by = f"{made_by}\ntorch {torch.__version__}\n{device}"
        suffix = "safetensors" if find_spec("safetensors") else "pt"
        name = sha256(self.made_by.encode()).hexdigest()[:20]
        self.path = folder / f"{kind}{name}.{suffix}"
        self.every, self.saved = every, time.monotonic()

    def __enter__(self) -> Checkpointer:
        Checkpointer.active = self
        return self

    def __exit__(self, *_: object) -> None:
        Checkpointer.active = None

    @property
    def due(self) -> bool:
        return Checkpointer.stop_requested or time.monotonic() - self.saved >= self.every

    def save(self, tree: dict[str, Any], **told: Any) -> None:
        """Of nested data with tensors. A disk that is full costs the checkpoint, never the trial.

        told: what can be read without the tensors.
        """
        tensors: dict[str, Tensor] = {}
        packed_tree = packed({**tree, "random": random_state()}, tensors)
        header = json.dumps({"made_by": self.made_by, **told, "tree": packed_tree})
        try:
            write(self.path, header, tensors)
        except OSError:
            self.path.with_suffix(".partial").unlink(missing_ok=True)
        self.saved = time.monotonic()
        if Checkpointer.stop_requested:
            raise SystemExit(0)

    def load(self) -> dict[str, Any] | None:
        """What was saved, the random generators put back; None where there is no checkpoint.

        One of another recipe, size, seed, device or torch is not trusted, nor is a torn file.
        """
        found = read(self.path)
        if found is None or found[0].get("made_by") != self.made_by:
            return None
        return restored(found)

    def keep(self, kept: Checkpoint, model: nn.Module, optimizer: Any) -> None:
        """Save a trial where that is due."""
        if self.due:
            tree = {
                "step": kept.step,
                "losses": torch.stack(kept.losses),
                "untrained": kept.untrained,
                "seconds": kept.seconds,
                "model": dict(weights(model)),
                "optimizer": optimizer.state_dict(),
            }
            self.save(tree)

    def resume(self, model: nn.Module, optimizer: Any) -> Checkpoint | None:
        """Put a trial's model and optimizer back; None where there is no checkpoint."""
        tree = self.load()
        if tree is None:
            return None
        with torch.no_grad():
            for name, tensor in weights(model):
                tensor.copy_(tree["model"][name])
        optimizer.load_state_dict(tree["optimizer"])
        match_memory_format(optimizer)
        losses = list(tree["losses"].to(next(model.parameters()).device).unbind())
        return Checkpoint(tree["step"], losses, tree["untrained"], tree["seconds"])

    def remove(self) -> None:
        """What trained has ended."""
        self.path.unlink(missing_ok=True)


class GroupCheckpointer(Checkpointer):
    """The checkpoint of a population, which goes on with any of the trials that are in it.

    label: what tells a trial from the others of its recipe.
    """

    def __init__(
        self,
        folder: Path,
        made_by: str,
        labels: Sequence[str],
        device: str,
        every: float = SAVE_INTERVAL,
    ) -> None:
        super().__init__(folder, "\n".join([made_by, *sorted(labels)]), device, every, GROUP)
        self.folder, self.labels = folder, frozenset(labels)
        self.made_by = f"{made_by}\ntorch {torch.__version__}\n{device}"

    def load(self) -> dict[str, Any] | None:
        stored = self.stored()
        found = read(stored[0][0]) if stored else None
        return None if found is None else restored(found)

    def stored(self) -> list[tuple[Path, list[str]]]:
        """Populations in which all of these trials are: file and labels, the furthest first."""
        found = []
        for path in self.folder.glob(f"{GROUP}*{self.path.suffix}"):
            told = read_header(path)
            ours = told is not None and told.get("made_by") == self.made_by
            if told is not None and ours and self.labels <= set(told["labels"]):
                found.append((path, told["labels"], told["step"]))
        return [(path, labels) for path, labels, _ in sorted(found, key=lambda f: (-f[2], f[0]))]


def weights(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and buffers, those among them that a state_dict leaves out."""
    return [*model.named_parameters(), *model.named_buffers()]


def match_memory_format(optimizer: Any) -> None:
    """Moments in their parameter's memory layout, which fused kernels take for granted."""
    for part in getattr(optimizer, "parts", [optimizer]):
        for parameter, state in part.state.items():
            for name, value in state.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    laid = torch.empty_like(parameter, dtype=value.dtype)
                    state[name] = laid.copy_(value)
