"""Reads text with a delimiter: CSV, TSV, semicolons with decimal commas, aligned columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import THOUSANDS, cell_value
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, TableColumn
from mutransfer_cli.fit.tables.formats.header_levels import header_joined
from mutransfer_cli.fit.tables.formats.nested_values import dictionary, flat
from mutransfer_cli.fit.tables.formats.text_rows import complete_rows, decimal_comma
from mutransfer_cli.fit.tables.formats.truncation import cut_short

DELIMITERS = ("\t", ";", ",", "|")
SAMPLE = 50  # lines by which the delimiter is recognized


def read_delimited(source: str, text: str) -> RunTable:
    """Read a table with one header and one run per line.

    Raises:
        InputError: The text is no such table.
    """
    lines = text.splitlines(keepends=True)
    if lines and re.fullmatch(r"sep=.\s*", lines[0]):
        lines[0] = "#" + lines[0]  # Excel's note of the delimiter
    delimiter = delimiter_of(lines)
    try:
        records = list(records_of(lines, delimiter))
    except csv.Error as error:
        said = str(error)
        if said.startswith("field larger"):
            said = f"a cell of more than {csv.field_size_limit()} characters"
        raise InputError(f"{source}: not a table: {said}") from error
    if not records:
        raise InputError(
            f"{source}: holds no table; expected a header such as width,lr,loss and one run a line"
        )
    header, names = records.pop(0)
    if all(not isinstance(cell_value(name), str) for name in names):
        commented = commented_header(lines[: header - 1], delimiter, len(names))
        if commented is None:
            raise InputError(
                f"{source}:{header}: the first row holds no names; expected a header such as "
                f"width,lr,loss"
            )
        records.insert(0, (header, names))
        header, names = commented
    names, records = header_joined(names, records)
    if has_nameless_index(lines, names, records, delimiter):
        names = ["", *names]
    rows, ignored = complete_rows(source, records, names)
    ends = text[-1:] in ("\n", "\r")
    if rows and not ends and cut_short(rows[-1][1][-1], [cells[-1] for _, cells in rows[:-1]]):
        line, last = rows.pop()
        reason = f"truncated: the file ends inside its last cell, {last[-1].strip()!r}"
        ignored.append(IgnoredRow(f"{source}:{line}", reason))
    if not rows:
        raise InputError(f"{source}: holds no runs; expected one run per line")
    cells = list(zip(*(row for _, row in rows), strict=True))
    comma = decimal_comma(source, delimiter, cells)
    columns = tuple(
        TableColumn(name.strip(), column, comma) for name, column in zip(names, cells, strict=True)
    )
    table = RunTable(
        source=source,
        header=f"{source}:{header}",
        columns=columns,
        positions=[f"{source}:{line}" for line, _ in rows],
        ignored=tuple(ignored),
        notes=("numbers have decimal commas",) if comma else (),
    )
    return unfolded(table)


def has_nameless_index(
    lines: Sequence[str],
    names: Sequence[str],
    records: Sequence[tuple[int, list[str]]],
    delimiter: str,
) -> bool:
    """Whether every row begins with a number of its own, as pandas prints and R writes them.

    Args:
        lines: The lines of the file.
        names: The names of the columns.
        records: Line and cells of each row.
        delimiter: The delimiter; `1,024` is a number unless the 1 is in quotes.
    """
    if not records or any(
        len(cells) != len(names) + 1 or not cells[-1].strip() for _, cells in records
    ):
        return False
    first = [cells[0].strip() for _, cells in records]
    numbered = any(first == [str(i) for i in range(start, start + len(first))] for start in (0, 1))
    quoted = all(lines[line - 1].lstrip().startswith('"') for line, _ in records)
    thousands = any(THOUSANDS.fullmatch(",".join(cells[:2])) for _, cells in records)
    return quoted or (numbered and not (delimiter == "," and thousands))


def delimiter_of(lines: Sequence[str]) -> str:
    """The delimiter of which the first lines have the same number, but at least one, each."""
    sample = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    sample = sample[:SAMPLE]
    if not sample:
        return ","
    counts = {d: Counter(outside_quotes(line, d) for line in sample) for d in DELIMITERS}
    header = {d: outside_quotes(sample[0], d) for d in DELIMITERS}
    present = [d for d in DELIMITERS if header[d]]
    if not present:
        return " " if len(sample[0].split()) > 1 else ","
    return max(present, key=lambda d: (counts[d][header[d]], -DELIMITERS.index(d)))


def outside_quotes(line: str, delimiter: str) -> int:
    """How often a delimiter stands in a line outside double quotes."""
    return sum(part.count(delimiter) for part in line.split('"')[::2])


def records_of(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its first line; comments and empty lines are left out."""
    first, last = 0, 0

    def content() -> Iterator[str]:
        nonlocal first, last
        quoted = False
        for number, line in enumerate(lines, 1):
            if not quoted and (not line.strip() or line.lstrip().startswith("#")):
                continue
            if first <= last:
                first = number
            if '"' in line:
                quoted ^= bool(line.count('"') % 2)
            yield " ".join(line.split()) if delimiter == " " else line

    for record in csv.reader(content(), delimiter=delimiter, skipinitialspace=True):
        yield first, record
        last = first


def commented_header(
    lines: Sequence[str], delimiter: str, width: int
) -> tuple[int, list[str]] | None:
    """The last comment before the rows that has as many names, as numpy writes a header."""
    for number in range(len(lines), 0, -1):
        line = lines[number - 1].strip()
        if line.startswith("#"):
            text = line.lstrip("# ")
            names = text.split() if delimiter == " " else text.split(delimiter)
            if len(names) == width and all(isinstance(cell_value(n), str) for n in names):
                return number, names
    return None


def unfolded(table: RunTable) -> RunTable:
    """The table with columns of dictionaries, as W&B's own example writes them, taken apart."""
    columns: list[TableColumn] = []
    for column in table.columns:
        cells = [str(cell).strip() for cell in column.cells]
        if not (cells and all(cell.startswith("{") and cell.endswith("}") for cell in cells)):
            columns.append(column)
            continue
        try:
            dictionaries = [flat(dictionary(cell)) for cell in cells]
        except (ValueError, SyntaxError):
            columns.append(column)
            continue
        names = dict.fromkeys(name for values in dictionaries for name in values)
        columns += [
            TableColumn(f"{column.name}.{name}", [values.get(name) for values in dictionaries])
            for name in names
        ]
    return replace(table, columns=tuple(columns))
