"""Locks of a run directory: for one sweep at a time, and for one writer at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutransfer_cli.errors import InputError

LOCK, WRITING = ".lock", ".writing"


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
            raise InputError(f"--run {run}: another sweep is running there") from error
        yield


@contextmanager
def write_lock(run: Path) -> Iterator[None]:
    """Lock the files that several sweeps share, for writing them."""
    with (run / WRITING).open("a+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
