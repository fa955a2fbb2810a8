"""The files of a run directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.run_directory import choose_location


def test_a_missing_folder_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistyped path, or a file system that is not mounted; the run directory is the sweep's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for wrong, why in (
        ("journal:no/such/x.log", f"{tmp_path}/no/such does not exist"),
        (f"journal:{tmp_path}/no/x.log", f"{tmp_path}/no does not exist"),
        ("sqlite:///no/x.db", f"{tmp_path}/no does not exist"),
        ("journal:file/x.log", f"{tmp_path}/file is not a folder"),
    ):
        with pytest.raises(InputError, match=f"--storage {wrong}: {why}; create it first"):
            choose_location(Path("runs/a"), wrong)
    assert os.listdir(tmp_path) == ["file"]
    assert choose_location(Path("runs/a"), "journal:runs/a/x.log").shown == "journal:runs/a/x.log"
    assert choose_location(Path("runs/a"), "journal:x.log").named == f"journal:{tmp_path}/x.log"
