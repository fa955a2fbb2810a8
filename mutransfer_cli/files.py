"""Files written as a whole or not at all, and JSON files read with one-line errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from mutransfer_cli.errors import InputError


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file as a whole or not at all; missing folders are made.

    Args:
        path: The file.
        write: Called with a binary handle; what it writes becomes the file.

    Raises:
        InputError: The file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as handle:
            write(handle)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as a whole or not at all.

    Raises:
        InputError: The file cannot be written.
    """
    write_atomically(path, lambda handle: handle.write(text.encode("utf-8")))


def read_json(path: Path) -> Any:
    """The values of a JSON file.

    Raises:
        InputError: The file is missing, cannot be read or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file: {error}") from error
