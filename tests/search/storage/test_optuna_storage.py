"""Opening a study's file that a killed process left half made."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import IntegrityError

from mutransfer_cli.errors import InputError
from mutransfer_cli.search.storage.location import own_location
from mutransfer_cli.search.storage.optuna_storage import Storage, storage_errors

SAME_STUDY = "INSERT INTO studies (study_name) VALUES ('s')"


def test_a_file_whose_index_was_never_made_takes_a_study_once(tmp_path: Path) -> None:
    """SQLite makes the table of studies, then its index: a kill may come between the two."""
    location = own_location(tmp_path)
    Storage(location)
    with sqlite3.connect(location.address) as connection:
        connection.execute("DROP INDEX ix_studies_study_name")
    Storage(location)
    with sqlite3.connect(location.address) as connection:
        connection.execute(SAME_STUDY)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute(SAME_STUDY)


def test_without_the_index_a_study_can_be_there_twice(tmp_path: Path) -> None:
    """The control: Optuna's own storage does not make the index again."""
    location = own_location(tmp_path)
    Storage(location)
    with sqlite3.connect(location.address) as connection:
        connection.execute("DROP INDEX ix_studies_study_name")
        connection.execute(SAME_STUDY)
        connection.execute(SAME_STUDY)
    with pytest.raises(StorageInternalError):
        optuna.load_study(storage=f"sqlite:///{location.address}", study_name="s")
    with pytest.raises(IntegrityError):
        Storage(location)


@pytest.mark.parametrize("there", [True, False])
def test_a_file_that_was_deleted_is_not_told_as_write_protected(
    tmp_path: Path, there: bool
) -> None:
    """SQLite calls a file readonly once it is no longer where it was opened."""
    location = own_location(tmp_path)
    if there:
        Path(location.address).touch()
    error = sqlite3.OperationalError("attempt to write a readonly database")
    told = "cannot be read or written" if there else "was deleted or moved while the sweep"
    with pytest.raises(InputError, match=told), storage_errors(location):
        raise error
