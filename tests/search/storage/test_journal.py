"""Optuna's journal, whose last line a kill may leave incomplete."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.journal import Journal
from tests.helpers.queues import JOBS, shared_queue


def test_a_torn_line_is_taken_back(tmp_path: Path) -> None:
    """As a kill or a full disk leaves it; Optuna's own file cannot be read after the next line."""
    a = shared_queue(tmp_path, "journal:study.log")
    assert a.claim(JOBS[:1]) == JOBS[:1]
    path = tmp_path / "study.log"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":5,"worker')
    b = shared_queue(tmp_path, "journal:study.log")
    assert b.claim(JOBS[:2]) == JOBS[1:2]
    assert all(json.loads(line) for line in path.read_text().splitlines())
    path.write_bytes(whole + b'{"op_code":5,"worker')
    theirs = optuna.storages.journal.JournalFileBackend(str(path))
    theirs.append_logs([{"op_code": 0}])  # lost: it hangs on the torn line
    theirs.append_logs([{"op_code": 0}])
    with pytest.raises(ValueError):
        list(theirs.read_logs(0))


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("years of work")
    with pytest.raises(InputError, match="is not an Optuna journal"):
        Journal(str(path))
    assert path.read_text() == "years of work"
