"""Models with almost the same number of parameters, which other columns tell apart.

Mixtures of experts are an example: models of one size that use more or fewer experts for a token.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from math import isnan, log2
from shlex import quote

from mutransfer_cli.fit.study.size_axes import SAME
from mutransfer_cli.fit.tables.content.understanding import joined

OTHER = 0.01  # relative difference above which two numbers describe two models (assumption)


def alike_models(params: Sequence[float], others: Mapping[str, Sequence[object]]) -> str | None:
    """Says what tells models apart that would be one size, and what to do; None if nothing does.

    A column does if it has one number at each of two sizes, in two runs or more, and another at
    the other.

    Args:
        params: The parameters of each run.
        others: Columns that may describe the model, each with a value for each run.
    """
    rows: dict[float, list[int]] = {}
    for row, count in enumerate(params):
        rows.setdefault(count, []).append(row)
    for small, large in pairwise(sorted(rows)):
        if log2(large / small) > SAME:
            continue
        apart = [
            name
            for name, values in others.items()
            if differ(the_number(values, rows[small]), the_number(values, rows[large]))
        ]
        if apart:
            one = f"{apart[0]}={the_number(others[apart[0]], rows[small]):.12g}"
            return (
                f"params {small:.15g} and {large:.15g} are almost equal, but their models differ "
                f"in {joined(apart)}; take one model with --where {quote(one)}, or another column "
                "as the size with --columns params=NAME"
            )
    return None


def the_number(values: Sequence[object], rows: Collection[int]) -> float | None:
    """The number that a column has in all of several rows; None where there is none."""
    found = {values[row] for row in rows}
    (value,) = found if len(found) == 1 else (None,)
    return value if isinstance(value, float) and not isnan(value) and len(rows) > 1 else None


def differ(one: float | None, other: float | None) -> bool:
    """Whether two numbers are known and not the same."""
    if one is None or other is None:
        return False
    return abs(one - other) > OTHER * max(abs(one), abs(other))
