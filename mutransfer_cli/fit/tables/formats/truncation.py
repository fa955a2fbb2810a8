"""Recognizes a last row that was cut inside its last cell, as an interrupted copy leaves it.

Such a row has all its cells, and `3.0` in the place of `3.0412` looks like a number. The signs are
a file that ends without a line break and a last cell that is shorter than all above it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

NUMBER = re.compile(r"[+-]?\d+(?:[.,](\d*))?(?:[eE]([+-]?\d*))?")
FEWEST_ROWS = 3  # with which a cell is compared
RARE = 0.02  # share of the other cells that may be as short
SHORTER = 2  # digits by which it is shorter than usual, where lengths differ


def cut_short(cell: str, others: Sequence[str]) -> bool:
    """Whether the last cell of a file without a final line break was cut.

    Args:
        cell: The cell.
        others: The other cells of its column.
    """
    cell, above = cell.strip(), [other.strip() for other in others if other.strip()]
    if not cell or len(above) < FEWEST_ROWS or cell in above:
        return False
    if 2 * len(set(above)) <= len(above):  # values that recur: the cell is the start of one
        return any(other.startswith(cell) for other in above)
    number = NUMBER.fullmatch(cell)
    numbers = [found for other in above if (found := NUMBER.fullmatch(other))]
    if number is None or len(numbers) < FEWEST_ROWS:
        return False
    if cell[-1] in ".,eE+-":
        return not any(found[0][-1] in ".,eE+-" for found in numbers)
    exponents = [found[2] for found in numbers if found[2] is not None]
    if number[2] is not None or len(exponents) == len(numbers):
        return len(number[2] or "") < min(map(len, exponents), default=0)
    return _fewer_digits(len(number[1] or ""), [len(found[1] or "") for found in numbers])


def _fewer_digits(digits: int, others: Sequence[int]) -> bool:
    """Whether a number has fewer digits after the point than any other is likely to have.

    Args:
        digits: Its digits after the point.
        others: Those of the other numbers.
    """
    if min(others) == max(others):
        return digits < min(others)
    as_short = sum(other <= digits for other in others)
    return as_short <= RARE * len(others) and digits <= median(others) - SHORTER
