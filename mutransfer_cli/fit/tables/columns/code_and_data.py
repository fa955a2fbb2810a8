"""Columns that say with which code, and on which data, runs were made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_names import column_name
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn
from mutransfer_cli.fit.tables.content.understanding import alternatives

CODE = {"git", "revision", "code_version", "code_revision", "source_version"}
CODE_WORDS = {"commit", "sha"}
HASH_WORDS = {"git", "hash"}
DATA = {"dataset", "datasets", "dataset_name", "data", "data_name", "corpus", "training_data"}
DATA |= {"train_data", "training_set", "train_set", "training_corpus", "data_mix", "data_mixture"}
DATA |= {"dataset_version", "data_version", "pretraining_data"}
SHOWN = 4  # values that a message names


def is_code(column: TableColumn) -> bool:
    """Whether a column holds revisions of the code."""
    key = column_name(column.name).key
    words = set(key.split("_"))
    return key in CODE or bool(words & CODE_WORDS) or words >= HASH_WORDS


def is_data(column: TableColumn) -> bool:
    """Whether a column names data sets."""
    return column_name(column.name).key in DATA and any(isinstance(v, str) for v in column.values)


def values_of(column: TableColumn) -> list[str | None]:
    """The text of each cell; None where it is empty."""
    return [
        None if value is None else str(cell).strip()
        for value, cell in zip(column.values, column.cells, strict=True)
    ]


def refuse_mixed_data(table: RunTable, columns: Sequence[TableColumn]) -> None:
    """Refuse runs that were trained on different data, whose losses cannot be compared.

    Args:
        table: The table, for messages.
        columns: The columns without a role.

    Raises:
        InputError: A column of data sets holds several.
    """
    for column in columns:
        names = list(dict.fromkeys(v for v in values_of(column) if v)) if is_data(column) else []
        if len(names) > 1:
            raise InputError(
                f"{table.header}: {column.name}: runs differ in it "
                f"({alternatives(names[:SHOWN])}), and losses on different data cannot be "
                f"compared; pick one with --where '{column.name}={names[0]}', or pass --columns "
                f"ignore={column.name}"
            )


def code_notes(columns: Sequence[TableColumn], sizes: Mapping[str, TableColumn]) -> list[str]:
    """Says that runs were made with different code.

    Args:
        columns: The columns without a role.
        sizes: The columns of sizes.
    """
    notes = []
    rungs = list(zip(*(column.values for column in sizes.values()), strict=True))
    for column in columns:
        values = values_of(column) if is_code(column) else []
        names = list(dict.fromkeys(v for v in values if v))
        if len(names) < 2:
            continue
        by_rung: dict[tuple[object, ...], set[str]] = defaultdict(set)
        for rung, value in zip(rungs, values, strict=False):
            if value:
                by_rung[rung].add(value)
        if any(a.isdisjoint(b) for a, b in combinations(by_rung.values(), 2)):
            notes.append(
                f"{column.name} differs between rungs: an effect of the code cannot be told from "
                "that of the size; run all rungs with one version"
            )
        else:
            notes.append(f"the runs were made with {len(names)} versions of the code "
                         f"({column.name})")  # fmt: skip
    return notes
