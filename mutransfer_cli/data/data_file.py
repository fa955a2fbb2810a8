"""Versions of the file at `data.path`, and the error if it cannot be read."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from mutransfer_cli.errors import InputError

# What numpy and zipfile raise for a damaged archive or array.
READING_ERRORS = (
    OSError, ValueError, LookupError, TypeError, AttributeError, SyntaxError, EOFError,
    NotImplementedError, MemoryError, OverflowError, RecursionError, RuntimeError, struct.error,
    tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
PATH = ("data", "path")  # the key of a recipe that names the file


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identifies the content of a file; a file that is replaced gets another version."""

    resolved: str
    modified_ns: int
    size: int


def file_version(path: Path | None) -> FileVersion | None:
    """The current version of the file at a path; None if there is no file."""
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return FileVersion(str(path.resolve()), status.st_mtime_ns, status.st_size)


def unreadable(path: Path, error: Exception) -> InputError:
    """The error for a file that is missing or cannot be read."""
    if isinstance(error, FileNotFoundError):
        return InputError(
            f"{path}: no such file in {Path.cwd()}; a relative path starts at the current folder",
            path=PATH,
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InputError(f"{path}: cannot be read: {reason}", path=PATH)
