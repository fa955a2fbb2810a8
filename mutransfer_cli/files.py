"""Files written as a whole or not at all, and JSON files read with one-line errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mutransfer_cli.errors import InputError


def partial_path(path: Path) -> Path:
    """Where a file is written before it takes its name."""
    return path.with_name(path.name + ".partial")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file as a whole or not at all; missing folders are made.

    Args:
        path: The file.

    Yields:
        The path to write to, which becomes the file at the end, unless an error is raised.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    yield partial
    os.replace(partial, path)


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file as a whole or not at all; missing folders are made.

    Args:
        path: The file.
        write: Called with a binary handle; what it writes becomes the file. A device or pipe, such
            as /dev/null, is written to and never replaced.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as handle:
                write(handle)
            return
        with replacing(path) as partial, partial.open("wb") as handle:
            write(handle)
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
