"""Joins the levels of a header over several lines, as pandas writes grouped columns.

,,val_loss,val_loss,val_loss
,,mean,std,count
width,lr,,,
"""

from __future__ import annotations

import re
from typing import TypeAlias

from mutransfer_cli.fit.tables.content.cells import cell_value

Records: TypeAlias = list[tuple[int, list[str]]]

MOST_LEVELS = 4
COUNTS = {"count", "size"}  # pandas' names of the number of rows in a group

UNIT = re.compile(r"[\[(][^\[\]()]*[\])]")


def units_joined(names: list[str], records: Records) -> tuple[list[str], Records]:
    """The names with the units of a line below them, and the records below that.

    width,tokens,loss
    [],[B],[nats]

    Args:
        names: The header.
        records: Line and cells of each further row.
    """
    cells = [cell.strip() for cell in records[0][1]] if records else []
    units = [cell for cell in cells if cell not in ("", "-")]
    if len(cells) != len(names) or not units or not all(map(UNIT.fullmatch, units)):
        return names, records
    if any(isinstance(cell_value(unit), float) for unit in units):
        return names, records
    joined = [
        f"{name} {cell}" if UNIT.fullmatch(cell) and cell[1:-1].strip(" -") else name
        for name, cell in zip(names, cells, strict=True)
    ]
    return joined, records[1:]


def levels_joined(names: list[str], records: Records) -> tuple[list[str], Records]:
    """The names of all columns in one line, and the records below the header.

    Args:
        names: The first line of the header.
        records: Line and cells of each further row.
    """
    levels = [names]
    for _, cells in records[:MOST_LEVELS]:
        if len(cells) != len(names) or any(isinstance(cell_value(c), float) for c in cells):
            break
        levels.append(cells)
    index = [bool(cell.strip()) for cell in levels[-1]]
    count = sum(index)
    grouped = (
        len(levels) > 1
        and 0 < count < len(names)
        and index == [True] * count + [False] * (len(names) - count)
        and len(set(names[count:])) < len(names) - count
        and not any(level[i].strip() for level in levels[:-1] for i in range(1, count))
    )
    if not grouped:
        return names, records
    joined = levels[-1][:count]
    for i in range(count, len(names)):
        parts = [level[i].strip() for level in levels[:-1] if level[i].strip()]
        joined.append(parts[-1] if parts[-1] in COUNTS else "_".join(parts))
    return joined, records[len(levels) - 1 :]
