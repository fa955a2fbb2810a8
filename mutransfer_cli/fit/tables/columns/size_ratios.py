"""Tokens that a table gives for each parameter, as in a column `D/N`."""

from __future__ import annotations

import re
from dataclasses import replace

from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn

_RATIO = re.compile(
    r"D\s*/\s*N|(?:tokens?|toks?)\s*(?:/|per|_per_|[ -]to[ -]|_to_)\s*(?:params?|parameters?)"
    r"(?:[ _]ratio)?|tpp",
    re.IGNORECASE,
)


def is_ratio(name: str) -> bool:
    """Whether a column holds tokens for each parameter, by its name."""
    return _RATIO.fullmatch(name.strip()) is not None and name.strip() != "d/n"


def with_tokens(table: RunTable) -> RunTable:
    """The table with its tokens, where it has parameters and tokens for each of them instead.

    Args:
        table: A table of runs.
    """
    ratios = [column for column in table.columns if is_ratio(column.name)]
    others = [column for column in table.columns if not is_ratio(column.name)]
    roles = [(column, column_name(column.name)) for column in others]
    params = [(column, name.scale) for column, name in roles if name.role == "params"]
    if len(ratios) != 1 or len(params) != 1 or any(name.role == "tokens" for _, name in roles):
        return table
    (ratio,), ((size, scale),) = ratios, params
    cells = [
        r * n * scale if isinstance(r, float) and isinstance(n, float) else None
        for r, n in zip(ratio.values, size.values, strict=True)
    ]
    note = f"tokens = {ratio.name} · {size.name}"
    return replace(
        table, columns=(*others, TableColumn("tokens", cells)), notes=(*table.notes, note)
    )
