"""Products of a parameter and activations that are summed in a second call: `(h * a).sum(-1)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True)
class SummedProduct:
    """A product that is summed over dimensions of its parameter.

    Attributes:
        parameter: The parameter, or a view of it.
        summed: Its dimensions that are summed over.
        kept: Its other dimensions.
        order: Number of the call that multiplied.
    """

    parameter: Tensor
    summed: list[int]
    kept: list[int]
    order: int


def summed_dimensions(shape: Sequence[int], dims: int, summed: Any) -> list[int]:
    """The dimensions of a factor that a sum over dimensions of the product runs over.

    Args:
        shape: Shape of the factor; its last dimensions are those of the product.
        dims: Number of dimensions of the product.
        summed: Dimensions that the sum runs over, as torch takes them; None: all, as in a loss,
            which says nothing of the factor.
    """
    if summed is None:
        return []
    given: Sequence[int] = [summed] if isinstance(summed, int) else list(summed)
    own = {d % dims - (dims - len(shape)) for d in given}
    return [d for d, size in enumerate(shape) if d in own and size > 1]


class SummedProducts:
    """Remembers products until they are summed.

    Products are kept alive, so that none is taken for another one at the same address.
    """

    def __init__(self) -> None:
        """Start without products."""
        self._products: dict[int, tuple[Tensor, Tensor, int]] = {}

    def multiplied(self, parameter: Tensor, product: Any, order: int) -> None:
        """Remember a product.

        Args:
            parameter: The parameter, or a view of it.
            product: What it and the activations make.
            order: Number of the call.
        """
        if isinstance(product, Tensor):
            self._products[id(product)] = (product, parameter, order)

    def summed(self, tensor: Any, dim: Any) -> SummedProduct | None:
        """The product that a tensor is, if dimensions of its parameter are summed over.

        Args:
            tensor: The argument of the sum.
            dim: Its dimensions, as torch takes them.
        """
        product, parameter, order = self._products.get(id(tensor), (None, None, 0))
        if product is None or parameter is None:
            return None
        summed = summed_dimensions(parameter.shape, product.dim(), dim)
        if not summed:
            return None
        kept = [d for d in range(parameter.dim()) if d not in summed]
        return SummedProduct(parameter, summed, kept, order)
