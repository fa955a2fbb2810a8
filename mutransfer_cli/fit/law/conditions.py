"""Conditions on rows, joined by `and`, such as `params>4e8 and tokens<=1e11`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_options import Condition, condition

_AND = re.compile(r"\s+and\s+|\s*&&?\s*|\s*,\s*", flags=re.IGNORECASE)


def parse_conditions(text: str, option: str) -> tuple[Condition, ...]:
    """Comparisons of columns with numbers, joined by `and`.

    Raises:
        InputError: The text is something else.
    """
    conditions = tuple(condition(part, option) for part in _AND.split(text))
    for one in conditions:
        if not isinstance(one.value, float):
            raise InputError(
                f"{option} {text!r}: expected comparisons with numbers, such as "
                f"'params>4e8 and tokens<=1e11', found {one.value!r}"
            )
    return conditions


def rows_that_meet(
    conditions: Iterable[Condition], columns: Mapping[str, npt.NDArray[np.float64]]
) -> npt.NDArray[np.bool_]:
    """Which rows meet all conditions; all their columns exist."""
    masks = [[one.holds(float(v)) for v in columns[one.column]] for one in conditions]
    return np.asarray(np.logical_and.reduce(np.array(masks, dtype=bool)))
