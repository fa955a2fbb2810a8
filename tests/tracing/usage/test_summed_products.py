"""Which dimensions of a factor a sum over its product runs over."""

from __future__ import annotations

import pytest
import torch

from mutransfer_cli.tracing.usage.summed_products import SummedProducts, summed_dimensions


@pytest.mark.parametrize(
    ("shape", "dims", "summed", "expected"),
    [
        ((4, 8), 3, -1, [1]),  # scores of 4 heads of size 8
        ((4, 8), 3, (1, 2), [0, 1]),
        ((8,), 3, 2, [0]),
        ((8,), 3, 1, []),  # over tokens
        ((4, 1), 3, -1, []),  # the factor is the same along it
        ((8,), 3, None, []),  # a loss
    ],
)
def test_summed_dimensions(
    shape: tuple[int, ...], dims: int, summed: int | tuple[int, ...] | None, expected: list[int]
) -> None:
    assert summed_dimensions(shape, dims, summed) == expected


def test_only_a_product_that_was_seen_is_summed() -> None:
    products = SummedProducts()
    a, h = torch.ones(4, 8), torch.ones(5, 4, 8)
    product = h * a
    products.multiplied(a, product, 3)
    found = products.summed(product, -1)
    assert found is not None
    assert (found.summed, found.kept, found.order) == ([1], [0], 3)
    assert products.summed(h, -1) is None
