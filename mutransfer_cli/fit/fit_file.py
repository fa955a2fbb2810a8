"""Reads and writes the file of a fit, which `scale --fit` uses."""

from __future__ import annotations

from pathlib import Path

from mutransfer_cli.documents.base import as_json, validated
from mutransfer_cli.documents.fit import FitDocument
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json, write_text


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
    try:
        data = read_json(path)
    except InputError as error:
        if path.suffix == ".json" or not path.is_file():
            raise
        made = path.with_suffix(".fit.json")
        raise InputError(
            f"{path}: not a fit; of a table of runs, `mutransfer fit {path}` writes {made}"
        ) from error
    return validated(FitDocument, data, path, "a fit")


def unreadable_fit(path: Path) -> str | None:
    """What is wrong with an existing file of a fit; None if there is none, or it can be read."""
    if not path.is_file():
        return None
    try:
        read_fit(path)
    except InputError as error:
        return str(error)
    return None
