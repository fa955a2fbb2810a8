"""Opens a table of runs: one run in each row, with the rows and columns that options ask for."""

from __future__ import annotations

from collections.abc import Sequence

from mutransfer_cli.fit.tables.columns.column_options import ColumnOption, condition, rows_where
from mutransfer_cli.fit.tables.columns.size_ratios import with_tokens
from mutransfer_cli.fit.tables.columns.stated_columns import with_stated_columns
from mutransfer_cli.fit.tables.columns.wide_table import one_run_per_row
from mutransfer_cli.fit.tables.content.run_table import RunTable
from mutransfer_cli.fit.tables.formats.table_file import open_table
from mutransfer_cli.fit.tables.merged_cells import ROLES, with_merged_cells
from mutransfer_cli.fit.tables.repeats import duplicates


def opened_table(
    source: str, options: Sequence[ColumnOption], where: Sequence[str], study: str | None
) -> RunTable:
    """Open a table of any format.

    Args:
        source: Path of a file, or the address of an Optuna storage.
        options: The parsed `--columns`.
        where: Conditions on rows, such as `optimizer=adamw`.
        study: Name of the study, for an Optuna storage with several.

    Raises:
        InputError: The file, an option or a condition is wrong.
    """
    conditions = [condition(text) for text in where]
    named = {option.column for option in options if option.name in ROLES}
    table = one_run_per_row(with_merged_cells(open_table(source, study=study), named))
    table = with_stated_columns(table, options)
    table = rows_where(with_tokens(table), conditions)
    rows, repeated = duplicates(table)
    return table.select(rows, repeated) if repeated else table
