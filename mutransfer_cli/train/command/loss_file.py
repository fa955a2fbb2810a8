"""Reads the loss in a file that the user's own program wrote: JSON, JSON lines or CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from math import inf, nan
from pathlib import Path
from typing import Any

from mutransfer_cli.files import convertible

DELIMITERS = ",;\t"
SHOWN_KEYS = 12
SHOWN_HINTS = 3
DEEPEST = 6  # levels in which a key is looked for, to suggest where it is
NOT_FINITE = re.compile(r"[-+]?(nan|inf|infinity)", re.IGNORECASE)
INDEX = re.compile(r"-?\d+")
_MISSING = object()


class NoLoss(Exception):
    """The program left no loss that can be read; the message says why."""


def loss_in(file: Path, key: str) -> float:
    """The number under a key.

    A key is looked up as it is, else as a dotted path. In a list (JSON lines, the `log_history` of
    Trainer, the rows of a CSV table) the last entry that has the rest of the path counts, or the
    one with an index: `losses.-1`. Empty cells and nulls in a list are passed over.

    Args:
        file: The file.
        key: The key, path or column.

    Raises:
        NoLoss: There is none.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        values = parsed(text, file)
    except (OSError, ValueError, csv.Error) as error:
        raise NoLoss(f"no loss: {file} is not JSON: {error}") from error
    except RecursionError as error:
        raise NoLoss(f"no loss: {file} is not JSON: nested too deeply") from error
    parts = key.replace("[", ".").replace("]", "").split(".")
    value = value_at(values, [key], parts)
    if value is _MISSING:
        raise NoLoss(f"no loss: {file} has no {key} (found: {known_keys(values, parts)})"
                     f"{hint(values, key)}")  # fmt: skip
    return as_number(value, key, file)


def parsed(text: str, file: Path) -> Any:
    """The values of a JSON file, of JSON lines, or of a table as a list of its rows."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise NoLoss(f"no loss: {file} is empty")
    try:
        return json.loads(text, parse_int=convertible)
    except ValueError:
        if lines[0].lstrip()[0] not in "{[" and any(mark in lines[0] for mark in DELIMITERS):
            return table(lines)
        if len(lines) == 1:
            raise
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line, parse_int=convertible))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return rows


def table(lines: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a table by column; empty cells are None, and numbers are numbers."""
    delimiter = max(DELIMITERS, key=lines[0].count)
    rows = csv.reader(lines, delimiter=delimiter)
    names = [name.strip() for name in next(rows)]
    return [
        {name: cell_value(cell.strip(), delimiter) for name, cell in zip(names, row, strict=False)}
        for row in rows
    ]


def cell_value(cell: str, delimiter: str) -> Any:
    """A cell as a number where it is one; None if it is empty."""
    text = cell.replace(",", ".") if delimiter == ";" else cell
    try:
        return float(text) if text else None
    except ValueError:
        return cell


def value_at(values: Any, *paths: Sequence[str]) -> Any:
    """The value at the first of some paths that leads to one; _MISSING if none does."""
    for path in paths:
        value = _value_at(values, list(path))
        if value is not _MISSING:
            return value
    return _MISSING


def _value_at(values: Any, parts: list[str]) -> Any:
    if isinstance(values, list):
        if parts and INDEX.fullmatch(parts[0]):
            index = int(parts[0])
            inside = -len(values) <= index < len(values)
            return _value_at(values[index], parts[1:]) if inside else _MISSING
        for entry in reversed(values):
            value = _value_at(entry, parts)
            if value is not _MISSING and value is not None:
                return value
        return _MISSING
    if not parts:
        return values
    if isinstance(values, dict):
        for end in range(len(parts), 0, -1):  # a key may have dots in it
            name = ".".join(parts[:end])
            if name in values:
                value = _value_at(values[name], parts[end:])
                if value is not _MISSING:
                    return value
    return _MISSING


def known_keys(values: Any, parts: Sequence[str]) -> str:
    """The keys where a path leads no further, as text."""
    level = values
    for part in parts:
        if isinstance(level, dict) and part in level:
            level = level[part]
    entries = level if isinstance(level, list) else [level]
    keys = list(dict.fromkeys(str(k) for e in entries if isinstance(e, dict) for k in e))
    more = ["…"] if len(keys) > SHOWN_KEYS else []
    return ", ".join([*keys[:SHOWN_KEYS], *more]) or "no keys"


def hint(values: Any, key: str) -> str:
    """Where the last part of a key is found instead; empty if nowhere."""
    name = key.rpartition(".")[2]
    paths = list(dict.fromkeys(paths_to(values, name, DEEPEST)))
    return f"; try key: {' or '.join(paths[:SHOWN_HINTS])}" if paths else ""


def paths_to(values: Any, name: str, depth: int) -> Iterator[str]:
    """Paths below the top that end with a name."""
    if depth == 0:
        return
    if isinstance(values, list):
        for entry in values[-1:]:
            yield from paths_to(entry, name, depth - 1)
        return
    if isinstance(values, dict):
        for key, value in values.items():
            entries = value if isinstance(value, list) else [value]
            if any(isinstance(entry, dict) and name in entry for entry in entries):
                yield f"{key}.{name}"
            yield from (f"{key}.{path}" for path in paths_to(value, name, depth - 1))


def as_number(value: Any, key: str, file: Path) -> float:
    """A value as a number; NaN or infinite if the program reports that.

    Raises:
        NoLoss: It is not a number.
    """
    if isinstance(value, str) and NOT_FINITE.fullmatch(value.strip()):
        return nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = json.dumps(value, default=str)[:40]
        raise NoLoss(f"no loss: {key} in {file} is {shown}, expected a number")
    try:
        return float(value)
    except OverflowError:
        return inf
