"""Joins the lines of a header: pandas' levels, names below those of groups, and units.

,,val_loss,val_loss,val_loss    model,,training,result
,,mean,std,count                width,depth,lr,loss
width,lr,,,
"""

from __future__ import annotations

import re
from typing import TypeAlias

from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.content.cells import cell_value

Records: TypeAlias = list[tuple[int, list[str]]]

MOST_LEVELS = 4
COUNTS = {"count", "size"}  # pandas' names of the number of rows in a group

FEWEST_ROLES = 2  # that a line of names has, which is no run
UNIT = re.compile(r"[\[(][^\[\]()]*[\])]")


def header_joined(names: list[str], records: Records) -> tuple[list[str], Records]:
    """The names of all columns in one line, and the records below the header.

    Args:
        names: The first line of the header.
        records: Line and cells of each further row.
    """
    return units_joined(*groups_joined(*levels_joined(names, records)))


def groups_joined(names: list[str], records: Records) -> tuple[list[str], Records]:
    """The names with those of a line below them, above which groups are named.

    The line below names two roles or more, or parts of groups alone: `,,train,val` below
    `width,lr,loss,`. Parts that name no role get the name of their group: `train_loss`.

    Args:
        names: The header.
        records: Line and cells of each further row.
    """
    below = [cell.strip() for cell in records[0][1]] if records else []
    if len(below) != len(names) or any(type(cell_value(cell)) is not str for cell in below if cell):
        return names, records
    groups, first = [], 0
    for i, name in enumerate(names):
        first = i if name.strip() and names[first].strip() != name.strip() else first
        groups.append(first)
    parts = {i for i, cell in enumerate(below) if cell}
    whole = {i for i in range(len(names)) if groups.count(groups[i]) > 1 and names[groups[i]]}
    roles = {column_name(below[i]).role for i in parts} - {None}
    if len(roles) < FEWEST_ROLES and not (parts and parts == whole):
        return names, records
    joined = []
    for i, name in enumerate(names):
        group, part = names[groups[i]].strip(), below[i]
        if not (group and part) or (column_name(part).role and below.count(part) == 1):
            joined.append(part or name)
            continue
        both = f"{group}_{part}", f"{part}_{group}"
        joined.append(next((one for one in both if column_name(one).role), both[0]))
    return joined, records[1:]


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
