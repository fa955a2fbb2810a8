"""Vectors seen as arrays of another shape, such as images."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from mutransfer_cli.data.protocol import Batch, VectorSource
from mutransfer_cli.errors import InputError


@dataclass(frozen=True)
class ShapedInputs:
    """A source whose inputs have another shape.

    Attributes:
        source: Where the numbers come from.
        shape: The shape of an input.
    """

    source: VectorSource
    shape: tuple[int, ...]

    @property
    def digest(self) -> str:
        """That of the source."""
        return self.source.digest

    @property
    def d_in(self) -> int:
        """Numbers per input."""
        return self.source.d_in

    @property
    def d_out(self) -> int:
        """Number of classes."""
        return self.source.d_out

    def batch(self, seed: int, step: int, size: int) -> Batch:
        """The source's examples."""
        return self._shaped(self.source.batch(seed, step, size))

    def validation(self, size: int) -> list[Batch]:
        """The source's validation set."""
        return [self._shaped(batch) for batch in self.source.validation(size)]

    def _shaped(self, batch: Batch) -> Batch:
        x, y = batch
        return x.reshape(-1, *self.shape), y


def shaped(source: VectorSource, shape: tuple[int, ...], name: str) -> ShapedInputs:
    """The source with inputs of this shape.

    Args:
        source: The source.
        shape: The shape of an input.
        name: The source's name, for the error.

    Raises:
        InputError: The shape has another number of numbers.
    """
    if prod(shape) != source.d_in:
        sizes = "×".join(map(str, shape))
        raise InputError(
            f"{sizes} are {prod(shape)} numbers, an input of {name} has {source.d_in}",
            path=("data", "shape"),
        )
    return ShapedInputs(source, shape)
