"""The protocol of data sources, which are opened from settings and yield batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from torch import Tensor

Batch: TypeAlias = tuple[Tensor, Tensor]  # inputs, targets
UINT16_TOKENS = 1 << 16  # largest vocabulary of a file of uint16 tokens


@dataclass(frozen=True, slots=True)
class DataSettings:
    """The settings of a recipe's data.

    Attributes:
        path: The file; given for a source whose catalog row says that it reads one.
        seq_len: Tokens per example.
        d_in: Numbers per input.
        d_out: Number of classes.
        vocab_size: Number of tokens that the model knows.
    """

    path: Path | None = None
    seq_len: int = 64
    d_in: int | None = None
    d_out: int | None = None
    vocab_size: int = UINT16_TOKENS

    @property
    def file(self) -> Path:
        """The path, for a source that reads a file."""
        assert self.path is not None  # checked before the source is opened
        return self.path


class Source(Protocol):
    """Examples for training; the same seed and step give the same batch to every trial."""

    @property
    def digest(self) -> str:
        """Digest of the data, stored with the run."""
        ...

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """Training examples: inputs (size, …) and their targets."""
        ...

    def validation(self, size: int) -> list[Batch]:
        """The validation set, always the same, in batches of at most `size`."""
        ...


class VectorSource(Source, Protocol):
    """Examples that are vectors with classes."""

    @property
    def d_in(self) -> int:
        """Numbers per input."""
        ...

    @property
    def d_out(self) -> int:
        """Number of classes."""
        ...


class OpenSource(Protocol):
    """The implementation of a source: opens it from the settings of a recipe."""

    def __call__(self, settings: DataSettings, /) -> Source:
        """Open the source.

        Raises:
            InputError: The data are missing or unusable.
        """
        ...
