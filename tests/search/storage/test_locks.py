"""Who may hold a run directory at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.locks import run_lock


def test_a_shared_run_directory_takes_several(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path, shared=True),
        run_lock(tmp_path, shared=True),
        pytest.raises(InputError, match="another sweep"),
        run_lock(tmp_path),
    ):
        pass
