"""A table of runs: named columns of cells, and the position of each row in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import Value, value_reader

MOST_COLUMNS = 10_000


@dataclass(frozen=True, slots=True)
class IgnoredRow:
    """A row that is not used.

    Attributes:
        position: Its file and line.
        reason: Why it is not used.
    """

    position: str
    reason: str


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: Its name as it stands in the file.
        cells: Its cells as they stand in the file: texts, or values of JSON.
        decimal_comma: Whether the cells write the decimal point as a comma.
    """

    name: str
    cells: Sequence[object] = field(repr=False)
    decimal_comma: bool = False

    @cached_property
    def values(self) -> list[Value]:
        """What the cells say."""
        return list(map(value_reader(decimal_comma=self.decimal_comma), self.cells))


@dataclass(frozen=True)
class RunTable:
    """A table of runs, of any file format.

    Attributes:
        source: The file or storage, as the user named it.
        header: Position of the names of the columns.
        columns: The columns, in the order of the file; names can repeat.
        positions: Position of each row: `file:line`, or the entry where a format has no lines.
        ignored: Rows of the file that are not in the table, such as a truncated last row.
        notes: What else the reader of the format noticed.
    """

    source: str
    header: str
    columns: tuple[TableColumn, ...]
    positions: Sequence[str]
    ignored: tuple[IgnoredRow, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.columns) > MOST_COLUMNS:
            raise InputError(
                f"{self.source}: {len(self.columns)} columns; a table may have {MOST_COLUMNS}: "
                "keep those of sizes, hyperparameters and losses"
            )

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    def select(self, rows: Sequence[int], ignored: Sequence[IgnoredRow] = ()) -> RunTable:
        """The table with some of its rows.

        Args:
            rows: Indices of the rows to keep.
            ignored: The other rows, with reasons, where they are to be reported.
        """
        columns = tuple(
            replace(column, cells=[column.cells[row] for row in rows]) for column in self.columns
        )
        return replace(
            self,
            columns=columns,
            positions=[self.positions[row] for row in rows],
            ignored=(*self.ignored, *ignored),
        )


def table_of_records(
    source: str, records: Sequence[dict[str, object]], positions: Sequence[str], header: str = ""
) -> RunTable:
    """A table from one dictionary for each row; absent keys are missing cells.

    Args:
        source: The file or storage.
        records: The rows.
        positions: The position of each row.
        header: Position of the names, where the format has one.
    """
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
    columns = tuple(TableColumn(name, [record.get(name) for record in records]) for name in names)
    return RunTable(source, header or source, columns, positions)
