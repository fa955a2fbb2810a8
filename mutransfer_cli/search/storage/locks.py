"""Locks of a run directory: for one sweep at a time, and for one writer at a time."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutransfer_cli.errors import InputError

LOCK, WRITING = ".lock", ".writing"
HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}  # of a lock that another process holds


@contextmanager
def run_lock(run: Path, shared: bool = False) -> Iterator[None]:
    """Lock the run directory; the system releases the lock of a sweep that dies.

    Args:
        run: The run directory; it is created if it does not exist.
        shared: Admit other sweeps with a shared study, in which each claims its trials.

    Raises:
        InputError: The directory cannot be written, or another sweep holds it.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        handle = (run / LOCK).open("a+")
    except OSError as error:
        raise InputError(
            f"--run {run}: cannot be written: {error.strerror}; choose another with --run"
        ) from error
    with handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in HELD:
                raise InputError(f"--run {run}: another sweep is running there") from error
            raise InputError(
                f"--run {run}: cannot be locked: {error.strerror}; its file system has no locks "
                "or no room for one: choose a --run on another file system"
            ) from error
        yield


@contextmanager
def write_lock(run: Path) -> Iterator[None]:
    """Lock the files that several sweeps share, for writing them.

    Raises:
        InputError: The directory is gone, or cannot be written or locked.
    """
    try:
        handle = (run / WRITING).open("a+")
    except FileNotFoundError as error:
        raise gone(run) from error
    except OSError as error:
        raise InputError(f"--run {run}: cannot be written: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise InputError(f"--run {run}: cannot be locked: {error.strerror}") from error
        yield


def gone(run: Path) -> InputError:
    """The error for a run directory that is no longer there."""
    return InputError(
        f"--run {run}: was deleted or moved while the sweep was running; if it was moved, run the "
        "same command again with its new path"
    )
