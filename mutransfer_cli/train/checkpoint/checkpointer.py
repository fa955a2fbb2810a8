"""Checkpoints, from which a trial that was killed resumes with bitwise the same result.

They hold the tensors of a trial or a population, the optimizer's state, every loss so far, and the
states of the random generators of torch, numpy and Python. Other state of a model (such as a
counter in a plain attribute) is lost. Files are in the safetensors format or, if that package is
missing, in torch's, read with weights_only; neither runs code.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mutransfer_cli.train.checkpoint.file import (
    pack,
    random_state,
    read,
    read_header,
    tree_of,
    write,
)

log = logging.getLogger(__name__)

SAVE_INTERVAL = 60.0  # seconds
FOLDER = "checkpoints"
GROUP_PREFIX = "group-"  # of the names of populations' files
FORMAT_VERSION = 3  # of the tree in a file; other versions are not read


class Checkpointer:
    """Writes and reads the checkpoint of one trial.

    Attributes:
        stop_requested: Set when the process is asked to end; what trains then saves and exits.
        active: The checkpointer of the training in this process; None if there is none.
    """

    stop_requested = False
    active: Checkpointer | None = None

    def __init__(
        self,
        folder: Path,
        identity: str,
        device: str,
        interval: float = SAVE_INTERVAL,
        prefix: str = "",
    ) -> None:
        """Name the file.

        Args:
            folder: The folder of the checkpoints.
            identity: A text that identifies this training: recipe, size, seed.
            device: Where it trains; a checkpoint of another device is not read.
            interval: Seconds between two checkpoints.
            prefix: Prefix of the file's name.
        """
        self.identity = identified(identity, device)
        suffix = "safetensors" if find_spec("safetensors") else "pt"
        name = sha256(self.identity.encode()).hexdigest()[:20]
        self.path = folder / f"{prefix}{name}.{suffix}"
        self.root = run_of(folder)
        self.interval, self.saved = interval, time.monotonic()

    def __enter__(self) -> Checkpointer:
        """Make it the active one."""
        Checkpointer.active = self
        return self

    def __exit__(self, *_: object) -> None:
        """Make no checkpointer active."""
        Checkpointer.active = None

    @property
    def due(self) -> bool:
        """Whether a checkpoint should be written now."""
        return Checkpointer.stop_requested or time.monotonic() - self.saved >= self.interval

    def save(self, tree: Mapping[str, Any], **header: Any) -> None:
        """Write a checkpoint; if the disk is full, training continues without one.

        Args:
            tree: Nested data with tensors.
            header: Data that can be read without the tensors.

        Raises:
            SystemExit: The process was asked to end.
        """
        tensors: dict[str, Tensor] = {}
        packed = pack({**tree, "random": random_state()}, tensors)
        text = json.dumps({"made_by": self.identity, **header, "tree": packed})
        try:
            write(self.path, text, tensors, self.root)
            log.info("checkpoint written before step %d", tree["step"] + 1)
        except FileNotFoundError as error:  # the run directory is gone, which ends the sweep
            log.info("no checkpoint: %s: %s", self.path, error)
        except OSError as error:
            log.warning("no checkpoint: %s: %s", self.path, error)
        self.saved = time.monotonic()
        if Checkpointer.stop_requested:
            raise SystemExit(0)

    def load(self) -> dict[str, Any] | None:
        """The tree that was saved, with the states of the random generators under `random`.

        None if there is no checkpoint. One of another recipe, size, seed, device or torch version
        is not read, nor is an incomplete or damaged file.
        """
        content = read(self.path)
        if content is None or content[0].get("made_by") != self.identity:
            return None
        return tree_of(content)

    def remove(self) -> None:
        """Delete the file, after training has ended."""
        self.path.unlink(missing_ok=True)


class GroupCheckpointer(Checkpointer):
    """The checkpointer of a population; any of its trials can resume from the checkpoint."""

    def __init__(
        self,
        folder: Path,
        identity: str,
        labels: Sequence[str],
        device: str,
        interval: float = SAVE_INTERVAL,
    ) -> None:
        """Name the file.

        Args:
            folder: The folder of the checkpoints.
            identity: The recipe of all trials.
            labels: Labels that identify the trials among those of the recipe.
            device: Where they train.
            interval: Seconds between two checkpoints.
        """
        super().__init__(
            folder, "\n".join([identity, *sorted(labels)]), device, interval, GROUP_PREFIX
        )
        self.folder, self.labels = folder, frozenset(labels)
        self.identity = identified(identity, device)

    def load(self) -> dict[str, Any] | None:
        """The tree of the population that has all of these trials and trained the most steps."""
        stored = self.stored()
        content = read(stored[0][0]) if stored else None
        return None if content is None else tree_of(content)

    def stored(self) -> list[tuple[Path, list[str]]]:
        """Files and labels of populations that contain all these trials, most steps first."""
        groups = []
        for path in self.folder.glob(f"{GROUP_PREFIX}*{self.path.suffix}"):
            header = read_header(path)
            if header is None or header.get("made_by") != self.identity:
                continue
            labels, step = header.get("labels"), header.get("step")
            if not isinstance(labels, list) or not isinstance(step, int):
                continue
            if self.labels <= set(map(str, labels)):
                groups.append((path, labels, step))
        return [(path, labels) for path, labels, _ in sorted(groups, key=lambda g: (-g[2], g[0]))]


def run_of(folder: Path) -> Path | None:
    """The run directory of RUN/checkpoints/CODE; None if the folder is another."""
    return folder.parents[1] if folder.parent.name == FOLDER else None


def identified(identity: str, device: str) -> str:
    """The identity of a training together with the torch version, device and file format."""
    return f"{identity}\ntorch {torch.__version__}\n{device}\nformat {FORMAT_VERSION}"
