"""Reads the numeric columns of a CSV file of runs."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mutransfer_cli.errors import InputError

ALIASES = {
    "params": ("n", "parameters", "nparams", "numparams", "modelsize"),
    "tokens": ("d", "ntokens", "trainingtokens", "traintokens"),
    "loss": ("valloss", "finalloss", "evalloss"),
    "lr": ("learningrate",),
    "batch": ("bs", "batchsize", "b"),
    "flops": ("c", "compute", "trainingflops"),
    "width": ("dmodel", "hiddensize", "nembd"),
}


@dataclass(frozen=True)
class RunColumns:
    """The columns of a table that hold numbers.

    Attributes:
        source: The file.
        columns: By canonical name, each of shape (rows,); NaN where a cell holds no number.
        notes: What was understood and what was ignored.
    """

    source: str
    columns: Mapping[str, npt.NDArray[np.float64]]
    notes: tuple[str, ...] = ()


def read_columns(path: Path, renamed: Mapping[str, str]) -> RunColumns:
    """Read a table.

    Args:
        path: A CSV file; lines that begin with # are comments.
        renamed: The column of the file for a canonical name.

    Raises:
        InputError: The file cannot be read or lacks a column that is named.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    if len(rows) < 2:
        raise InputError(f"{path}: holds no runs; expected one run per line below a header")
    header = [name.strip() for name in rows[0]]
    for name, column in renamed.items():
        if column not in header:
            raise InputError(
                f"--columns {name}={column}: no such column; {path} has {', '.join(header)}"
            )
    numbers = [
        np.array([_number(row[j] if j < len(row) else "") for row in rows[1:]])
        for j in range(len(header))
    ]
    columns: dict[str, npt.NDArray[np.float64]] = {}
    used: dict[str, str] = {}
    chosen = {column: name for name, column in renamed.items()}
    for j, column in enumerate(header):
        name = chosen.get(column) or _canonical(column, header, renamed)
        if np.isfinite(numbers[j]).any() and name not in columns:
            columns[name] = numbers[j]
            if name != column:
                used[name] = column
    notes = tuple(f"{name} from {column}" for name, column in used.items())
    return RunColumns(str(path), columns, (", ".join(notes),) if notes else ())


def _canonical(column: str, header: Sequence[str], renamed: Mapping[str, str]) -> str:
    compared = "".join(c for c in column.lower() if c.isalnum())
    for name, aliases in ALIASES.items():
        if name in renamed:
            continue
        if compared == name or (compared in aliases and name not in header):
            return name
    return column


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
