"""Files written as a whole or not at all, and JSON files read with one-line errors."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from mutransfer_cli.errors import InputError

MOST_DIGITS = 300  # of a whole number, which has to fit a float
MOST_CONVERTIBLE = 4000  # digits; Python refuses 4,301, and the time grows with their square
PARTIAL = ".partial"  # the suffix of a file that is being written
LONGEST_PREFIX = 200  # bytes of a name are limited to 255
ABANDONED_AFTER = 3600.0  # seconds without a write; no file here takes so long


@contextmanager
def replacing(path: Path, root: Path | None = None) -> Iterator[Path]:
    """Write a file as a whole or not at all; missing folders are made.

    Several processes may write the file at the same time: each has a partial file of its own, and
    the last one to finish wins.

    Args:
        path: The file.
        root: A folder around it that must exist: the directory of a run that was deleted while it
            trains is not made again.

    Yields:
        The path to write to, which becomes the file at the end. After an error it is deleted.

    Raises:
        FileNotFoundError: The root is missing.
    """
    if root is not None and not root.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(root))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{partial_prefix(path)}{uuid4().hex[:12]}{PARTIAL}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    remove_abandoned(path)


def partial_prefix(path: Path) -> str:
    """How the names of a file's partial files begin; hidden, and short enough for any name."""
    return f".{os.fsencode(path.name)[:LONGEST_PREFIX].decode(errors='ignore')}."


def remove_abandoned(path: Path) -> None:
    """Delete the partial files that killed writers of a file left behind."""
    with suppress(OSError):
        for entry in os.scandir(path.parent):
            name = entry.name
            if name.startswith(partial_prefix(path)) and name.endswith(PARTIAL):
                with suppress(OSError):
                    if time.time() - entry.stat().st_mtime > ABANDONED_AFTER:
                        os.unlink(entry.path)


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


def read_json(path: Path, finite: bool = True) -> Any:
    """The values of a JSON file.

    Args:
        path: The file.
        finite: Whether NaN and infinite numbers, which are not JSON, are refused.

    Raises:
        InputError: The file is missing, cannot be read, is not JSON, or is nested too deeply.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = (
            json.loads(text, parse_constant=_refuse_number, parse_float=_finite, parse_int=_whole)
            if finite
            else json.loads(text, parse_int=convertible)
        )
        if "\\ud" in text.lower():  # half a character, which could not be written again
            json.dumps(values, ensure_ascii=False).encode()
        return values
    except RecursionError:
        raise InputError(f"{path}: not a JSON file: brackets nested too deeply") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file: {error}") from error


def _refuse_number(text: str) -> float:
    raise ValueError(f"{text} is not a number of JSON")


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text)} digits, expected at most {MOST_DIGITS}")
    return int(text)


def convertible(text: str) -> int:
    """The whole number that a text holds.

    Raises:
        ValueError: It has more digits than Python converts.
    """
    if len(text) > MOST_CONVERTIBLE:
        raise ValueError(f"a number of {len(text)} digits, expected at most {MOST_CONVERTIBLE}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
