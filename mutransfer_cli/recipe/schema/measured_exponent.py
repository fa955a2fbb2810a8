"""Reads the exponent of the embedding's rate that `fit` measured, from a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mutransfer_cli.catalog.fields import refuse, show
from mutransfer_cli.errors import InputError
from mutransfer_cli.files import read_json

FIT = "fit.json"


def exponent_or_run(value: Any) -> Any:
    """A number as it is; for a run directory, or a file of `fit`, the exponent that it measured.

    Args:
        value: A number, or a path relative to the current folder.
    """
    if not isinstance(value, str):
        return value
    path = Path(value)
    path = path / FIT if path.is_dir() else path
    if not path.is_file():
        raise refuse(
            f"expected a number, or a run directory that `mutransfer fit` has read, found "
            f"{show(value)}"
        )
    try:
        rule = read_json(path)["embedding_rule"]
        exponent = None if rule is None else rule["exponent"]["value"]
    except (InputError, KeyError, TypeError) as error:
        raise refuse(f"{path}: no document of `mutransfer fit`") from error
    if exponent is None:
        raise refuse(f"{path}: its runs do not vary lr_factors.embedding over the width")
    return exponent
