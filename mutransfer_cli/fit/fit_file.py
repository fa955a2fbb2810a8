"""Reads and writes the file of a fit, which `scale --fit` uses."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from mutransfer_cli.documents.base import as_json, validated
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_text
from mutransfer_cli.interval import Interval
from mutransfer_cli.surface.curves.drift import DriftLine


def write_fit(document: FitDocument, path: Path) -> None:
    """Write a fit as JSON.

    Raises:
        InputError: The file cannot be written.
    """
    write_text(path, as_json(document) + "\n")


def read_fit(path: Path) -> FitDocument:
    """Read a file that `write_fit` wrote.

    Raises:
        InputError: The file cannot be read, or is not a fit.
    """
    return validated(FitDocument, read_json(path), path, "a fit")


def unreadable_fit(path: Path) -> str | None:
    """What is wrong with an existing file of a fit; None if there is none, or it can be read."""
    if not path.is_file():
        return None
    try:
        read_fit(path)
    except InputError as error:
        return str(error)
    return None


def extrapolate(document: FitDocument, width: int) -> Interval | None:
    """The optimal learning rate at a width by the measured drift; None if no drift was measured.

    Raises:
        InputError: The file's line is not that of positive learning rates.
    """
    axis = document.axes.get("width")
    if axis is None or axis.line is None or "lr" not in axis.drift:
        return None
    line = DriftLine(drift=axis.drift["lr"], center=axis.line.size, lr=axis.line.lr)
    try:
        found = line.at(width)
        if found is not None and not isfinite(found.value + found.half_width):
            raise ValueError("a learning rate is infinite")
        return found
    except (ValueError, ArithmeticError) as error:
        raise InputError(
            f"{document.source}: the fit's line of optima cannot be continued: {error}"
        ) from error
