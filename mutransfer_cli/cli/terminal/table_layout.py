"""Lays a table out in lines of a given width, without cutting a number.

A table that is too wide breaks its cells between words, then puts the first cell of every row on a
line of its own, and in the end writes each row as a list of `heading value`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap

from mutransfer_cli.quoting import terminal

INDENT, GAP = "  ", "  "
KEPT = "\N{NO-BREAK SPACE}"  # `textwrap` ends no line at it
BOUNDS = re.compile(r"\([^()]{1,24}\)|[-+\d.e%]+ to [-+\d.e%]+")  # both ends of an interval
NUMBER = re.compile(r"-|(?:at most )?[-+×\d.,e%]+(?: \(.*\)| to .*| ±.*)?|own")
NARROWEST = 14  # characters of a column of prose that is still pleasant to read
Rows = Sequence[Sequence[str]]


def table_lines(columns: Sequence[str], rows: Rows, width: int) -> list[str]:
    """The lines of a table.

    Args:
        columns: Headings. The first column is left-aligned, and so are columns of words.
        rows: Cells as text, as many per row as there are columns.
        width: Characters of a line; exceeded only by a single word that is longer.
    """
    rows = [[kept_whole(terminal(cell)) for cell in row] for row in rows]
    columns = [terminal(column) for column in columns]
    widths = column_widths(columns, rows, width - len(INDENT))
    if widths is not None:
        lines = grid(columns, rows, widths)
    else:
        rest = [row[1:] for row in rows]
        widths = column_widths(columns[1:], rest, width - 2 * len(INDENT))
        if widths is not None:
            lines = named_rows(columns, rows, widths)
        else:
            lines = [line for row in rows for line in listed_row(columns, row, width)]
    return [line.replace(KEPT, " ").rstrip() for line in lines]


def kept_whole(cell: str) -> str:
    """A cell whose intervals are not broken over two lines."""
    return BOUNDS.sub(lambda found: found[0].replace(" ", KEPT), cell)


def column_widths(columns: Sequence[str], rows: Rows, room: int) -> list[int] | None:
    """The width of every column; None where the words do not fit.

    Args:
        columns: Headings.
        rows: Cells.
        room: Characters for the columns and the gaps between them.
    """
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    least = [
        max(longest_word(c) for c in (heading, *own))
        for heading, own in zip(columns, cells, strict=True)
    ]
    widest = [max([longest_word(h), *map(len, own)]) for h, own in zip(columns, cells, strict=True)]
    least = [
        min(w, max(n, NARROWEST)) if is_prose(own) else n
        for n, w, own in zip(least, widest, cells, strict=True)
    ]
    room -= len(GAP) * (len(columns) - 1)
    if sum(least) > room:
        return None
    widths = list(widest)
    while sum(widths) > room:
        spare = [w - n for w, n in zip(widths, least, strict=True)]
        widest_column = max(
            (i for i, left in enumerate(spare) if left > 0), key=lambda i: widths[i]
        )
        widths[widest_column] -= 1
    return widened(widths, columns, room)


def widened(widths: list[int], columns: Sequence[str], room: int) -> list[int]:
    """Columns with headings on fewer lines, where there is room for them.

    Args:
        widths: The width of every column.
        columns: Headings.
        room: Characters for all columns.
    """
    order = sorted(range(len(columns)), key=lambda i: -len(columns[i]))
    for i in order:
        lines = len(broken(columns[i], widths[i]))
        for wider in range(widths[i] + 1, widths[i] + room - sum(widths) + 1):
            if len(broken(columns[i], wider)) < lines:
                widths[i], lines = wider, len(broken(columns[i], wider))
    return widths


def longest_word(cell: str) -> int:
    """Characters of the longest word, intervals counting as one."""
    return max(map(len, cell.split(" ")), default=0)


def is_prose(cells: Sequence[str]) -> bool:
    """Whether a column holds words rather than numbers."""
    return any(not NUMBER.fullmatch(cell.replace(KEPT, " ")) for cell in cells if cell)


def broken(cell: str, width: int) -> list[str]:
    """A cell in lines."""
    return wrap(cell, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def grid(columns: Sequence[str], rows: Rows, widths: Sequence[int]) -> list[str]:
    """Headings, a rule, and the rows.

    Args:
        columns: Headings.
        rows: Cells.
        widths: The width of every column.
    """
    left = [i == 0 or is_prose([row[i] for row in rows]) for i in range(len(columns))]
    head = cell_lines(columns, widths, left, bottom=True)
    rule = GAP.join("─" * w for w in widths)
    body = [line for row in rows for line in cell_lines(row, widths, left)]
    return [INDENT + line for line in (*head, rule, *body)]


def named_rows(columns: Sequence[str], rows: Rows, widths: Sequence[int]) -> list[str]:
    """The first cell of every row on a line of its own, the others in columns below it.

    Args:
        columns: Headings.
        rows: Cells.
        widths: The width of every column but the first.
    """
    left = [is_prose([row[i] for row in rows]) for i in range(1, len(columns))]
    head = cell_lines(columns[1:], widths, left, bottom=True)
    lines = [INDENT + columns[0], *(2 * INDENT + line for line in head)]
    lines.append(INDENT + "─" * (len(INDENT) + sum(widths) + len(GAP) * (len(widths) - 1)))
    for row in rows:
        lines.append(INDENT + row[0])
        lines += [2 * INDENT + line for line in cell_lines(row[1:], widths, left)]
    return lines


def listed_row(columns: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """A row as its first cell, and a list of the others with their headings.

    Args:
        columns: Headings.
        row: Cells.
        width: Characters of a line.
    """
    pairs = [
        f"{heading} {cell}".strip()
        for heading, cell in zip(columns[1:], row[1:], strict=True)
        if cell
    ]
    lines = wrap(
        ", ".join(pairs),
        width,
        initial_indent=2 * INDENT,
        subsequent_indent=2 * INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    size = row[0].isdecimal()  # a bare number does not say what it is
    return [INDENT + (f"{columns[0]} {row[0]}" if size else row[0]), *lines]


def cell_lines(
    row: Sequence[str], widths: Sequence[int], left: Sequence[bool], bottom: bool = False
) -> list[str]:
    """The lines of a row, each cell broken to the width of its column.

    Args:
        row: Cells.
        widths: The width of every column.
        left: Whether a column is left-aligned.
        bottom: Whether cells of few lines stand at the bottom, as headings do.
    """
    cells = [broken(cell, width) for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    lines = []
    for i in range(height):
        parts = []
        for cell, width, is_left in zip(cells, widths, left, strict=True):
            at = i - (height - len(cell)) if bottom else i
            part = cell[at] if 0 <= at < len(cell) else ""
            parts.append(part.ljust(width) if is_left else part.rjust(width))
        lines.append(GAP.join(parts))
    return lines
