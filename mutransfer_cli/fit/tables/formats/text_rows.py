"""Rows of text under a header: which are complete, and how their numbers are written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import COMMA_DECIMAL, THOUSANDS
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn

REPEATED_HEADER = "the header again, as where files were joined"


def text_table(
    source: str,
    header: int,
    names: Sequence[str],
    records: Sequence[tuple[int, list[str]]],
    delimiter: str,
) -> RunTable:
    """A table of rows of text.

    Args:
        source: The file.
        header: The line of the names.
        names: The names of the columns.
        records: Line and cells of each row.
        delimiter: The delimiter.

    Raises:
        InputError: There is no row, or one has more cells than there are names.
    """
    rows, ignored = complete_rows(source, records, names)
    if not rows:
        raise InputError(f"{source}: holds no runs; expected one run per line")
    cells = list(zip(*(row for _, row in rows), strict=True))
    comma = decimal_comma(source, delimiter, cells)
    columns = tuple(
        TableColumn(name, column, comma) for name, column in zip(names, cells, strict=True)
    )
    positions = [f"{source}:{line}" for line, _ in rows]
    notes = ("decimal commas",) if comma else ()
    return RunTable(source, f"{source}:{header}", columns, positions, tuple(ignored), notes)


def complete_rows(
    source: str, records: Sequence[tuple[int, list[str]]], names: Sequence[str]
) -> tuple[list[tuple[int, list[str]]], list[IgnoredRow]]:
    """The rows with a cell for every name, and those that have fewer or repeat the names.

    Args:
        source: The file.
        records: Line and cells of each row.
        names: The names of the columns.

    Raises:
        InputError: A row has more cells than there are names.
    """
    width = len(names)
    header = [name.strip() for name in names]
    rows, ignored = [], []
    for line, cells in records:
        if not any(map(str.strip, cells)):
            continue  # a row of delimiters, as spreadsheets append them
        if len(cells) > width:
            if any(cell.strip() for cell in cells[width:]):
                raise InputError(
                    f"{source}:{line}: {len(cells)} cells under {width} names; quote cells that "
                    f"hold the delimiter"
                )
            cells = cells[:width]
        if len(cells) < width:
            end = "truncated: " if line == records[-1][0] else ""
            ignored.append(IgnoredRow(f"{source}:{line}", f"{end}{len(cells)} of {width} cells"))
        elif [cell.strip() for cell in cells] == header:
            ignored.append(IgnoredRow(f"{source}:{line}", REPEATED_HEADER))
        else:
            rows.append((line, cells))
    return rows, ignored


def decimal_comma(source: str, delimiter: str, columns: Sequence[Sequence[str]]) -> bool:
    """Whether a table writes decimal points as commas.

    A comma that cannot separate thousands says so (`2,31`, `0,001`). In a table with semicolons
    any number with a comma does, unless another number has a decimal point.

    Raises:
        InputError: Some numbers have decimal points, and others decimal commas.
    """
    certain, possible, point = "", "", ""
    for column in columns:
        for raw in column:
            if "," in raw:
                cell = raw.strip()
                if COMMA_DECIMAL.fullmatch(cell):
                    if THOUSANDS.fullmatch(cell) and not cell.lstrip("+-").startswith("0"):
                        possible = possible or cell
                    else:
                        certain = certain or cell
            elif not point and "." in raw and not re.fullmatch(r"\d{1,3}(\.\d{3})+", raw.strip()):
                try:
                    float(raw)
                except ValueError:
                    continue
                point = raw.strip()
    if certain and point:
        raise InputError(
            f"{source}: both decimal commas ({certain!r}) and decimal points ({point!r}); write "
            f"all numbers in one of the two notations"
        )
    return bool(certain) or (bool(possible) and delimiter == ";" and not point)
