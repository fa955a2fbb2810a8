"""A CSV file of runs that the user made elsewhere."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from mutransfer_cli.catalog.axes import SIZES
from mutransfer_cli.errors import InputError
from mutransfer_cli.surface.observation import Observation

NEEDED = ("width", "lr", "loss")
WHOLE = ("seed", *SIZES)


def cell(row: Mapping[str, str | None], name: str, where: str) -> float:
    """A positive number, or for a seed any whole one."""
    text = (row.get(name) or "").strip()
    expected = "a whole number" if name in WHOLE else "a positive number"
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{where}: {name}: expected {expected}, found {text!r}") from None
    bad_whole = name in WHOLE and not value.is_integer()
    if not math.isfinite(value) or bad_whole or (name != "seed" and value <= 0):
        raise InputError(f"{where}: {name}: expected {expected}, found {text!r}")
    return value


def loss_cell(row: Mapping[str, str | None], where: str) -> float | None:
    """A loss; empty, nan, inf or `diverged` says that the run diverged."""
    text = (row.get("loss") or "").strip().lower()
    if text in {"", "nan", "inf", "+inf", "diverged", "none", "null"}:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"{where}: loss: expected a number, nan or diverged, found {text!r}"
        ) from (None)


def read_table(
    path: Path, *, lr_is: str = "base", optimizer: str = "adamw", base_width: int | None = None
) -> list[Observation]:
    """Read a table: columns width, lr, loss and, where there are any, seed, depth, batch, steps.

    Any further column is a searched hyperparameter. lr_is: `base` takes rates as quoted; `raw`
    takes them as those that hidden matrices had, and quotes them at the base: × width / base width
    for Adam (rules: hidden lr ∝ 1/m), unchanged for SGD. Raises InputError naming line and column.
    """
    if lr_is not in {"raw", "base"}:
        raise InputError(f"--lr-is {lr_is}: expected raw or base")
    if optimizer not in {"adamw", "adam", "sgd"}:
        raise InputError(f"--optimizer {optimizer}: expected adamw, adam or sgd")
    try:
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            for name in NEEDED:
                if name not in columns:
                    found = ", ".join(columns) or "nothing"
                    raise InputError(f"{path}:1: no column {name!r}; found {found}")
            rows = [(f"{path}:{reader.line_num}", dict(row)) for row in reader]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file: {error}") from error
    if not rows:
        raise InputError(f"{path}: holds no runs; expected a line for each run")
    extra = [c for c in columns if c not in {*NEEDED, *WHOLE}]
    optional = [c for c in WHOLE if c in columns and c != "width"]
    widths = [int(cell(row, "width", where)) for where, row in rows]
    base = base_width or min(widths)
    observations = []
    for (where, row), width in zip(rows, widths, strict=True):
        lr = cell(row, "lr", where)
        if lr_is == "raw" and optimizer != "sgd":
            lr *= width / base
        whole = {name: int(cell(row, name, where)) for name in optional}
        observations.append(
            Observation(
                width=width,
                lr=lr,
                seed=whole.get("seed", 0),
                loss=loss_cell(row, where),
                depth=whole.get("depth"),
                batch=whole.get("batch"),
                steps=whole.get("steps"),
                params={name: cell(row, name, where) for name in extra},
            )
        )
    return observations
