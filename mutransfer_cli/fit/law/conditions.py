"""Conditions on rows, such as `params>4e8 and tokens<=1e11`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mutransfer_cli.errors import InputError

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_CONDITION = re.compile(r"\s*([^<>=!]+?)\s*(>=|<=|==|!=|=|>|<)\s*([^<>=!]+?)\s*")
_AND = re.compile(r"\s+and\s+|\s*&&?\s*|\s*,\s*", flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column compared with a number."""

    column: str
    sign: str
    number: float


def parse_conditions(text: str, option: str) -> tuple[Comparison, ...]:
    """Comparisons joined by `and`.

    Raises:
        InputError: The text is something else.
    """
    comparisons = []
    for part in _AND.split(text):
        match = _CONDITION.fullmatch(part)
        try:
            if match is None:
                raise ValueError
            comparisons.append(Comparison(match[1], match[2], float(match[3])))
        except ValueError:
            raise InputError(
                f"{option} {text!r}: expected comparisons such as 'params>4e8 and tokens<=1e11', "
                f"found {part.strip()!r}"
            ) from None
    return tuple(comparisons)


def rows_that_meet(
    comparisons: Iterable[Comparison], columns: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.bool_]:
    """Which rows meet all comparisons; all their columns exist."""
    masks = [COMPARISONS[c.sign](columns[c.column], c.number) for c in comparisons]
    return np.asarray(np.logical_and.reduce(masks))
