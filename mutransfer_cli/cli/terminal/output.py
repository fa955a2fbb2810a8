"""Output of commands on stdout: tables, or one JSON document."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, TextIO

from mutransfer_cli.cli.terminal.standard_output import report_stream
from mutransfer_cli.cli.terminal.table_layout import INDENT, KEPT, table_lines
from mutransfer_cli.quoting import terminal

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mutransfer_cli.interval import Interval

PIPE_WIDTH = 100  # characters of a line where stdout is no terminal, and of prose everywhere
NARROWEST_LINE = 40
COLORS = {"pass": 32, "holds": 32, "fail": 31, "fails": 31, "inconclusive": 33, "warn": 33}


def print_json(document: BaseModel) -> None:
    """Print one JSON document on stdout, `schema` first."""
    from mutransfer_cli.documents.base import as_json

    write(as_json(document) + "\n")


def write(text: str) -> None:
    """Write text as it is on stdout."""
    print(text, end="", file=report_stream(), flush=True)


def line_width() -> int:
    """Characters of a line: those of the terminal, or of `COLUMNS`; 100 where neither is known."""
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given) > 0:
        return max(int(given), NARROWEST_LINE)
    stream = report_stream()
    try:
        if stream is not None and stream.isatty():
            return max(os.get_terminal_size(stream.fileno()).columns, NARROWEST_LINE)
    except (OSError, ValueError):
        pass
    return PIPE_WIDTH


def show_line(
    text: str, file: TextIO | None = None, flush: bool = False, hang: int | None = None
) -> None:
    """Print one message: names and notes of other people's files cannot move the cursor.

    On stdout, a message that is longer than a line goes on below, indented; on stderr and in other
    streams a message is one line.

    Args:
        text: The message.
        file: Where to; None: stdout.
        flush: Whether it is shown at once.
        hang: Indent of further lines; None: two more than the first.
    """
    shown = terminal(text)
    if file is None:
        put("\n".join(broken_line(shown, min(line_width(), PIPE_WIDTH), hang)))
    else:
        print(shown, file=file, flush=flush)


def put(text: str) -> None:
    """Print text on stdout; characters that its encoding lacks become `?`."""
    stream = report_stream()
    try:
        print(text, file=stream)
    except UnicodeEncodeError as error:
        print(text.encode(error.encoding, "replace").decode(error.encoding), file=stream)


def broken_line(text: str, width: int, hang: int | None = None) -> list[str]:
    """A message in lines.

    Args:
        text: The message.
        width: Characters of a line; exceeded only by a word that is longer, such as a path.
        hang: Indent of the second and later lines; None: two more than the first.
    """
    if len(text) <= width:
        return [text.replace(KEPT, " ")]
    indent = " " * (len(text) - len(text.lstrip()))
    lines = wrap(
        text.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent + INDENT if hang is None else " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [line.replace(KEPT, " ") for line in lines]
    return [terminal(line) for line in lines]  # the second may begin like a command of GitHub


def show_verdict(verdict: str, text: str) -> None:
    """Print a verdict and its reason; on a terminal, the verdict is bold and in color.

    Args:
        verdict: One word, such as `holds`; the message begins with it.
        text: What follows it.
    """
    first, *rest = broken_line(terminal(f"{verdict}{text}"), min(line_width(), PIPE_WIDTH))
    if in_color():
        first = f"\x1b[1;{COLORS.get(verdict, 0)}m{verdict}\x1b[0m{first.removeprefix(verdict)}"
    put("\n".join((first, *rest)))


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    stream = report_stream()
    return stream is not None and stream.isatty()


def in_color() -> bool:
    """Whether stdout is a terminal that shows colors, and `NO_COLOR` is not set (no-color.org)."""
    return on_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    notes: Sequence[str] = (),
) -> None:
    """Print a table, and an empty line after it.

    Args:
        title: Text above the table; empty for none.
        columns: Headings; columns of numbers are right-aligned. A last column of notes is printed
            below the table, a line for each note.
        rows: Cells as text, as many per row as there are columns.
        notes: Lines below it.
    """
    rows = list(rows)
    if columns[-1] == "note":
        own = [f"  {columns[0]} {row[0]}: {row[-1]}" for row in rows if row[-1]]
        notes = [*own, *notes]
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    if title:
        show_line(title)
    for line in table_lines(columns, rows, line_width()):
        put(line)
    for note in notes:
        show_line(note)
    put("")


def number(value: float | None, none: str = "-") -> str:
    """A number as `interval.number` writes it, or `none` if there is no value."""
    if value is None:
        return none
    from mutransfer_cli.interval import number as shown  # pydantic, which --help does not need

    return shown(value)


def interval(value: Interval | None, none: str = "-") -> str:
    """An estimate as `value (low to high)`; without bounds only the value."""
    return none if value is None else str(value)


def percent(cost: Interval | None) -> str:
    """A cost with its interval."""
    return "-" if cost is None else f"{cost.value:.2%}{percent_range(cost.low, cost.high)}"


def percent_range(low: float | None, high: float | None) -> str:
    """An interval of a cost, or nothing without one."""
    return "" if low is None or high is None else f" ({100 * low:.2f} to {high:.2%})"
