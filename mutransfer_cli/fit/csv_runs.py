"""Reads a CSV file of runs that were trained elsewhere."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mutransfer_cli.catalog.optimizers import OPTIMIZERS
from mutransfer_cli.catalog.sizes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.optimizers.protocol import optimizer_spec
from mutransfer_cli.parameterization.protocol import parameterization_of
from mutransfer_cli.parameterization.rules.lr_rules import lr_rule
from mutransfer_cli.surface.observation import Observation

log = logging.getLogger(__name__)

DIVERGED = {"", "nan", "inf", "+inf", "diverged", "none", "null"}  # values of the loss
RAW_RATES = "mup"  # the parameterization by which raw rates are converted to rates at the base
LR_MEANINGS = ("base", "raw")

Cells: TypeAlias = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column with a known meaning; any other column is a searched hyperparameter.

    Attributes:
        name: Name of the column.
        aliases: Alternative names, used if no column has the name itself.
        required: Whether the column is required.
        integer: Whether the values have to be whole numbers.
        positive: Whether the values have to be positive.
    """

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    integer: bool = True
    positive: bool = True


COLUMNS = {
    column.name: column
    for column in (
        Column("width", aliases=("d_model", "hidden_size"), required=True),
        Column("lr", aliases=("learning_rate",), required=True, integer=False),
        Column("loss", required=True, integer=False, positive=False),
        Column("seed", positive=False),
        *(Column(size) for size in SIZES if size != "width"),
    )
}


def read_table(
    path: Path, *, lr_is: str = "base", optimizer: str = "adamw", base_width: int | None = None
) -> list[Observation]:
    """Read a table of runs: `COLUMNS`, and other columns as searched hyperparameters.

    Args:
        path: The CSV file.
        lr_is: `base` if learning rates are quoted at the base; `raw` if they are those of the
            hidden matrices, which are then divided by muP's factor for these.
        optimizer: The optimizer of the runs, for raw rates.
        base_width: Width at which rates are quoted; by default the smallest in the table.

    Raises:
        InputError: An option or the table is wrong; the message names line and column.
    """
    if lr_is not in LR_MEANINGS:
        raise InputError(f"--lr-is {lr_is}: expected {' or '.join(LR_MEANINGS)}")
    if optimizer not in OPTIMIZERS:
        raise InputError(f"--optimizer: {OPTIMIZERS.unknown(optimizer)}")
    names, rows = read_rows(path)
    hyperparameters = [name for name in names if name not in COLUMNS]
    integers = [name for name in names if name in COLUMNS and COLUMNS[name].integer]
    base = base_width or min(int(number(row, "width", line)) for line, row in rows)
    observations = []
    for line, row in rows:
        values = {name: int(number(row, name, line)) for name in integers}
        lr = number(row, "lr", line)
        if lr_is == "raw":
            lr /= hidden_lr_factor(optimizer, values["width"] / base)
        sizes = {size: values.get(size) for size in SIZES}
        observations.append(
            Observation(
                **sizes,  # type: ignore[arg-type]  # every row has a width
                lr=lr,
                seed=values.get("seed", 0),
                loss=loss(row, line),
                params={name: number(row, name, line) for name in hyperparameters},
            )
        )
    log.info(
        "%s: runs: %d; hyperparameters: %s", path, len(rows), ", ".join(["lr", *hyperparameters])
    )
    return observations


def read_rows(path: Path) -> tuple[Sequence[str], list[tuple[str, Cells]]]:
    """The names of all columns, with aliases replaced, and each row with its position.

    Raises:
        InputError: The file cannot be read, lacks a column or holds no runs.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            names = canonical([name.strip() for name in reader.fieldnames or ()])
            reader.fieldnames = names
            for column in COLUMNS.values():
                if column.required and column.name not in names:
                    present = ", ".join(names) or "nothing"
                    raise InputError(f"{path}:1: no column {column.name!r}; found {present}")
            rows: list[tuple[str, Cells]] = [
                (f"{path}:{reader.line_num}", dict(row)) for row in reader
            ]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from error
    if not rows:
        raise InputError(f"{path}: holds no runs; expected one run per line")
    return names, rows


def canonical(names: Sequence[str]) -> list[str]:
    """Replace aliases among column names by the columns' own names."""
    replaced = list(names)
    for column in COLUMNS.values():
        used = [alias for alias in column.aliases if alias in names]
        if used and column.name not in names:
            replaced[names.index(used[0])] = column.name
    return replaced


def number(row: Cells, name: str, line: str) -> float:
    """A number in a cell.

    Raises:
        InputError: The cell does not hold a number that its column allows.
    """
    column = COLUMNS.get(name, Column(name, integer=False))
    text = (row.get(name) or "").strip()
    expected = "a whole number" if column.integer else "a positive number"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    fractional = column.integer and not value.is_integer()
    if not math.isfinite(value) or fractional or (column.positive and value <= 0):
        raise InputError(f"{line}: {name}: expected {expected}, found {text!r}")
    return value


def loss(row: Cells, line: str) -> float | None:
    """The loss of a run; None if the cell marks the run as diverged.

    Raises:
        InputError: The cell holds neither a number nor one of `DIVERGED`.
    """
    text = (row.get("loss") or "").strip().lower()
    if text in DIVERGED:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{line}: loss: expected a number, nan or diverged, found {text!r}"
        ) from None


def hidden_lr_factor(optimizer: str, multiplier: float) -> float:
    """The learning rate of hidden matrices divided by its value at the base.

    Args:
        optimizer: Name of the optimizer.
        multiplier: Width divided by base width.
    """
    parameterization = parameterization_of(RAW_RATES)
    row = parameterization.row("hidden")
    rule = lr_rule(parameterization, optimizer_spec(optimizer).geometry, "hidden", row)
    return rule.lr(multiplier, multiplier)
