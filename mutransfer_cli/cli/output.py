"""Output of commands on stdout: tables, or one JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from mutransfer_cli.cli.standard_output import report_stream
from mutransfer_cli.quoting import rich, terminal

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mutransfer_cli.interval import Interval


def print_json(document: BaseModel) -> None:
    """Print one JSON document on stdout, `schema` first."""
    from mutransfer_cli.documents.base import as_json

    write(as_json(document) + "\n")


def write(text: str) -> None:
    """Write text as it is on stdout."""
    print(text, end="", file=report_stream(), flush=True)


def show_line(text: str, file: TextIO | None = None, flush: bool = False) -> None:
    """Print one line: names and notes of other people's files cannot move the cursor or start one.

    Args:
        text: The line.
        file: Where to; None: stdout.
        flush: Whether it is shown at once.
    """
    print(terminal(text), file=file or report_stream(), flush=flush)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table.

    Args:
        title: Text above the table.
        columns: Headings; the first column is left-aligned, the others are right-aligned. A last
            column of notes is left out where there are none.
        rows: Cells as text, as many per row as there are columns.
    """
    rows = list(rows)
    if columns[-1] == "note" and not any(row[-1] for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD)
    for i, column in enumerate(columns):
        shown.add_column(rich(column), justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        shown.add_row(*map(rich, row))
    stream = report_stream()
    console = Console(file=stream, highlight=False)
    if not console.is_terminal:
        console = Console(file=stream, highlight=False, width=200)
    show_line(title)
    console.print(shown)


def number(value: float | None, none: str = "-") -> str:
    """A number with four digits, or `none` if there is no value."""
    return none if value is None else f"{value:.4g}"


def interval(value: Interval | None, none: str = "-") -> str:
    """An estimate as `value (low to high)`; without bounds only the value."""
    return none if value is None else str(value)
