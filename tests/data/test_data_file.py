"""Which file a path names now, and why it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

from mutransfer_cli.data.data_file import file_version, unreadable


def test_a_file_that_is_replaced_has_another_version(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert file_version(path) is None and file_version(None) is None
    path.write_text("one")
    first = file_version(path)
    assert first is not None and first.size == 3 and first == file_version(path)
    os.utime(path, ns=(first.modified_ns + 1, first.modified_ns + 1))
    assert file_version(path) != first


def test_the_reason_is_named() -> None:
    missing = unreadable(Path("a.txt"), FileNotFoundError(2, "No such file or directory"))
    assert "no such file in" in missing.message and missing.path == ("data", "path")
    refused = unreadable(Path("a.txt"), PermissionError(13, "Permission denied"))
    assert refused.message == "a.txt: cannot be read: Permission denied"
