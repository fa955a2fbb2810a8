"""What two sizes of a model show about one of its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from mutransfer_cli.catalog.roles import Role
from mutransfer_cli.tracing.roles import Shape, Use


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A parameter of the family: what is common to all sizes, and its shape at the base.

    Attributes:
        name: Name of the parameter at the base.
        role: The parameter's role in the forward pass.
        base_shape: Shape at the base.
        growing: The dimensions that grow with the width.
        in_dims: The dimensions that are summed over.
        out_dims: The dimensions that are kept in the result.
        base_rms: Root mean square at the base, as the model's own code initializes it.
        uses: All its uses in the forward pass.
        share: Fraction of the entries along `in_dims` that one output sums over.
    """

    name: str
    role: Role
    base_shape: Shape
    growing: tuple[int, ...]
    in_dims: tuple[int, ...]
    out_dims: tuple[int, ...]
    base_rms: float
    uses: tuple[Use, ...]
    share: float = 1.0

    def scaling_dims(self) -> tuple[int, ...]:
        """The growing dimensions whose size a factor of the width is a power of.

        Those that the tensor sums over, else those that it keeps; none: the width itself.
        """
        into = self.out_dims if self.role == "tied" else self.in_dims
        summed = tuple(d for d in into if d in self.growing)
        return summed or tuple(d for d in self.out_dims if d in self.growing)

    def fans(self, shape: Shape) -> tuple[int, int]:
        """Fan-in and fan-out for a shape; the fan-in of a one-hot lookup is 1."""
        fan_in, fan_out = (prod(shape[d] for d in ds) for ds in (self.in_dims, self.out_dims))
        return round(fan_in * self.share), round(fan_out / self.share)
