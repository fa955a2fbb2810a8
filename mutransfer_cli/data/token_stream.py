"""Token streams: windows of seq_len tokens and the token after each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from mutransfer_cli.data.protocol import Batch
from mutransfer_cli.data.sampling import VALIDATION_EXAMPLES, random_indices
from mutransfer_cli.errors import InputError


@dataclass(frozen=True)
class TokenStream:
    """Inputs (size, seq_len) int64 and targets of the same shape, one token later.

    Attributes:
        train: Tokens that windows for training are drawn from.
        held_out: Tokens for validation.
        seq_len: Tokens per window.
        digest: Digest of the tokens.
    """

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
        tokens = torch.from_numpy(rows)
        return tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """Windows at random starts."""
        starts = random_indices(seed, step, size, len(self.train) - self.seq_len)
        return self._windows(self.train, starts)

    def validation(self, size: int) -> list[Batch]:
        """At most 256 windows, evenly spaced over the held-out tokens."""
        last = len(self.held_out) - self.seq_len - 1
        count = min(VALIDATION_EXAMPLES, last + 1)
        starts = np.linspace(0, last, count).astype(np.int64)
        return [self._windows(self.held_out, starts[i : i + size]) for i in range(0, count, size)]


def split_tail(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation tokens: the last tenth is held out."""
    cut = len(tokens) - len(tokens) // 10
    return tokens[:cut], tokens[cut:]
