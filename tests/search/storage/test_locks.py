"""Who may hold a run directory at a time."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage import locks
from mutransfer_cli.search.storage.locks import run_lock, write_lock


def test_a_shared_run_directory_takes_several(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path, shared=True),
        run_lock(tmp_path, shared=True),
        pytest.raises(InputError, match="another sweep"),
        run_lock(tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOLCK, "cannot be locked: No locks available; its file system"),
        (errno.EWOULDBLOCK, "another sweep is running there"),
    ],
)
def test_a_file_system_without_locks_is_no_other_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def flock(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(InputError, match=message), run_lock(tmp_path):
        pass


def test_a_directory_that_is_gone(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="was deleted or moved while the sweep was running"),
        write_lock(tmp_path / "gone"),
    ):
        pass
