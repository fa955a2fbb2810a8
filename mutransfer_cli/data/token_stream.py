"""Token streams: windows of seq_len tokens and the token after each."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from mutransfer_cli.data.protocol import VALIDATION_EXAMPLES, Batch, draw, unreadable
from mutransfer_cli.errors import InputError


@dataclass(frozen=True)
class Tokens:
    """Inputs (size, seq_len) int64 and targets of the same shape, one token later."""

    train: np.ndarray
    held_out: np.ndarray
    seq_len: int
    digest: str

    def __post_init__(self) -> None:
        for part, name in ((self.train, "training"), (self.held_out, "validation")):
            if len(part) <= self.seq_len:
                raise InputError(
                    f"the {name} part has {len(part)} tokens, fewer than data.seq_len + 1 = "
                    f"{self.seq_len + 1}; give more text or a smaller seq_len",
                    path=("data",),
                )

    def _windows(self, part: np.ndarray, starts: np.ndarray) -> Batch:
        rows = np.stack([part[s : s + self.seq_len + 1] for s in starts]).astype(np.int64)
        both = torch.from_numpy(rows)
        return both[:, :-1].contiguous(), both[:, 1:].contiguous()

    def batch(self, seed: int, step: int, size: int) -> Batch:
        return self._windows(self.train, draw(seed, step, size, len(self.train) - self.seq_len))

    def validation(self, size: int) -> list[Batch]:
        last = len(self.held_out) - self.seq_len - 1
        count = min(VALIDATION_EXAMPLES, last + 1)
        starts = np.linspace(0, last, count).astype(np.int64)
        return [self._windows(self.held_out, starts[i : i + size]) for i in range(0, count, size)]


def from_bytes(train: bytes, held_out: bytes, seq_len: int) -> Tokens:
    """Bytes as tokens 0 to 255."""
    digest = sha256(train + b"\0" + held_out).hexdigest()
    return Tokens(
        np.frombuffer(train, np.uint8), np.frombuffer(held_out, np.uint8), seq_len, digest
    )


def split_tail(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The last tenth is held out."""
    cut = len(values) - len(values) // 10
    return values[:cut], values[cut:]


def text(path: Path, seq_len: int) -> Tokens:
    """The bytes of a file; the last tenth validates."""
    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise unreadable(path, error) from error
    train, held_out = split_tail(raw)
    return Tokens(train, held_out, seq_len, sha256(raw.tobytes()).hexdigest())


def token_file(path: Path, seq_len: int, vocab_size: int) -> Tokens:
    """uint16 tokens as nanoGPT writes them, memory-mapped; the last tenth validates."""
    try:
        size = path.stat().st_size
        if size == 0 or size % 2:
            raise InputError(
                f"{path}: {size} bytes are no uint16 tokens; write them as nanoGPT does",
                path=("data", "path"),
            )
        raw = np.memmap(path, dtype=np.uint16, mode="r")
    except OSError as error:
        raise unreadable(path, error) from error
    largest = int(raw.max())
    if largest >= vocab_size:
        raise InputError(
            f"{path}: holds token {largest}, but model.args.vocab_size is {vocab_size}",
            path=("data", "path"),
        )
    train, held_out = split_tail(raw)
    head = sha256(raw[: 1 << 20].tobytes() + raw[-(1 << 20) :].tobytes())
    return Tokens(train, held_out, seq_len, f"{head.hexdigest()}-{size}")
