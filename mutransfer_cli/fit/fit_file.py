"""Reads and writes the file of a fit, which `scale --fit` uses."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from mutransfer_cli.documents.base import as_json
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
    values = read_json(path)
    try:
        return FitDocument.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "document"
        raise InputError(f"{path}: not a fit: {key}: {first['msg']}") from error


def extrapolate(document: FitDocument, width: int) -> Interval | None:
    """The optimal learning rate at a width by the measured drift; None if no drift was measured."""
    axis = document.axes.get("width")
    if axis is None or axis.line is None or "lr" not in axis.drift:
        return None
    return DriftLine(drift=axis.drift["lr"], center=axis.line.size, lr=axis.line.lr).at(width)
