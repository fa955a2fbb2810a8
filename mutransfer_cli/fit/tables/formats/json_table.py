"""Reads JSON and JSON lines: lists of objects, dictionaries of columns, exports of W&B."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mutransfer_cli.errors import InputError
from mutransfer_cli.files import convertible
from mutransfer_cli.fit.tables.content.run_table import IgnoredRow, RunTable, table_of_records
from mutransfer_cli.fit.tables.formats.nested_values import flat

SHAPES = 'a list of objects, an object of columns, {"data": …} or one object per line'


def read_json_table(source: str, text: str) -> RunTable:
    """Read a JSON document or JSON lines.

    Raises:
        InputError: The text is not JSON, or its shape is not that of a table.
    """
    text = text.lstrip()
    lines = text.splitlines()
    try:
        if text.startswith("["):
            records, positions = list_records(source, text)
        else:
            records = document_records(source, decoder().decode(text))
            positions = [f"{source}: entry {i}" for i in range(1, len(records) + 1)]
    except json.JSONDecodeError as error:
        if text.startswith("{") and error.msg == "Extra data":
            return read_json_lines(source, lines)
        if text.startswith("{") and len(lines) > 1 and line_is_object(lines[0]):
            return read_json_lines(source, lines)
        raise InputError(f"{source}:{error.lineno}: not JSON: {error.msg}") from error
    except ValueError as error:
        raise InputError(f"{source}: {error}") from error
    if not records:
        raise InputError(f"{source}: holds no runs; expected {SHAPES}")
    return table_of_records(source, [flat(record) for record in records], positions)


def read_json_lines(source: str, lines: Sequence[str]) -> RunTable:
    """Read one object per line; an incomplete last line is ignored.

    Raises:
        InputError: Another line is not a JSON object.
    """
    records, positions, ignored = [], [], []
    read = decoder()
    last = max(number for number, line in enumerate(lines, 1) if line.strip())
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        position = f"{source}:{number}"
        try:
            record = read.decode(line)
        except json.JSONDecodeError as error:
            if number == last:
                ignored.append(IgnoredRow(position, "truncated: not a complete JSON object"))
                continue
            raise InputError(f"{position}: not JSON: {error.msg}") from error
        except ValueError as error:
            raise InputError(f"{position}: {error}") from error
        if not isinstance(record, dict):
            raise InputError(f"{position}: expected one JSON object per line")
        records.append(flat(record))
        positions.append(position)
    if not records:
        raise InputError(f"{source}: holds no runs; expected one JSON object per line")
    table = table_of_records(source, records, positions)
    return table.select(range(len(records)), ignored)


def decoder() -> json.JSONDecoder:
    """A decoder that refuses an object with the same key twice, and numbers without an end."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice = next(key for key, count in counts.items() if count > 1)
            raise ValueError(f"an object holds the key {twice!r} twice; rename one of them")
        return values

    return json.JSONDecoder(object_pairs_hook=unique, parse_int=convertible)


def line_is_object(line: str) -> bool:
    """Whether a line by itself is a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def list_records(source: str, text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects of a JSON list, with the line of each."""
    read = decoder()
    records, positions, at, line = [], [], 1, 1
    whitespace = " \t\r\n"
    while True:
        start = at
        while at < len(text) and text[at] in whitespace + ",":
            at += 1
        line += text.count("\n", start, at)
        if at >= len(text):
            raise json.JSONDecodeError("the list is not closed", text, len(text) - 1)
        if text[at] == "]":
            break
        record, end = read.raw_decode(text, at)
        records.append(record)
        positions.append(f"{source}:{line}")
        line += text.count("\n", at, end)
        at = end
    if records and all(isinstance(record, list) for record in records):
        names = [str(name) for name in records[0]]  # a list of rows, names first
        return [dict(zip(names, row, strict=False)) for row in records[1:]], positions[1:]
    wrong = next((p for r, p in zip(records, positions, strict=True) if type(r) is not dict), None)
    if wrong is not None:
        raise ValueError(f"{wrong.removeprefix(source + ':')}: expected an object for each run")
    return records, positions


def document_records(source: str, document: Any) -> list[dict[str, Any]]:
    """The rows that a JSON object holds, in any of the usual shapes.

    Raises:
        InputError: It has none of the shapes.
    """
    if isinstance(document, list) and all(isinstance(row, dict) for row in document):
        return document
    if isinstance(document, dict) and document:
        if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
            names = [str(name) for name in document["columns"]]
            if not all(isinstance(row, list) for row in document["data"]):
                raise InputError(f"{source}: data: expected a list of lists, one for each row")
            return [dict(zip(names, row, strict=False)) for row in document["data"]]
        values = list(document.values())
        if all(isinstance(column, list) for column in values) and not any(
            isinstance(cell, dict) for column in values for cell in column
        ):
            return rows_of(source, document)
        if all(isinstance(column, dict) for column in values):
            return indexed_rows(document)
        for value in values:  # {"data": …}, {"runs": …}, also beside other keys
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return document_records(source, value)
        for value in values:
            if (
                isinstance(value, dict)
                and value
                and all(isinstance(c, list) for c in value.values())
            ):
                return document_records(source, value)
    raise InputError(f"{source}: not a table; expected {SHAPES}")


def rows_of(source: str, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows of a dictionary of columns.

    Raises:
        InputError: The columns differ in length.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"{source}: columns of different lengths: {found}")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def indexed_rows(document: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of an object of objects: by column and index, or by index and column."""
    if all(is_index(key) for key in document) or not all(
        is_index(key) for column in document.values() for key in column
    ):
        return [dict(row) for row in document.values()]
    index = dict.fromkeys(key for column in document.values() for key in column)
    return [{name: column.get(key) for name, column in document.items()} for key in index]


def is_index(key: str) -> bool:
    """Whether a key is the number of a row."""
    return key.isdigit()
