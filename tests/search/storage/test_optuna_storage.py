"""Opening a study's file that a killed process left half made."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest
from sqlalchemy.exc import MultipleResultsFound

from mutransfer_cli.search.storage.location import own_location
from mutransfer_cli.search.storage.optuna_storage import Storage


def test_a_file_whose_index_was_never_made_takes_a_study_once(tmp_path: Path) -> None:
    """SQLite makes the table of studies, then its index: a kill may come between the two."""
    location = own_location(tmp_path)
    Storage(location)
    with sqlite3.connect(location.address) as connection:
        connection.execute("DROP INDEX ix_studies_study_name")

    def create(storage: optuna.storages.BaseStorage) -> int:
        return optuna.create_study(
            storage=storage, study_name="s", load_if_exists=True, direction="minimize"
        )._study_id

    bare = optuna.storages.RDBStorage(f"sqlite:///{location.address}")
    create(bare)
    with pytest.raises(MultipleResultsFound):  # the control
        create(bare)
        optuna.load_study(storage=bare, study_name="s")
    with sqlite3.connect(location.address) as connection:
        for table in ("study_directions", "studies"):
            connection.execute(f"DELETE FROM {table}")
    opened = Storage(location)
    assert create(opened.optuna) == create(Storage(location).optuna)
