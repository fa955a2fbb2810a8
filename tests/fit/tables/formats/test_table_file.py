"""Formats are recognized by content."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.formats.table_file import open_table


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa,b\r\n1,2\r\n",
        "a\tb\n1\t2\n".encode("utf-16"),  # Excel's "Unicode text"
        b'\n [{"a": 1, "b": 2}]',
        b"| a | b |\n|---|---|\n| 1 | 2 |\n",
        b"sep=;\na;b\n1;2\n",
    ],
)
def test_the_ending_does_not_matter(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runs.txt"
    path.write_bytes(content)
    table = open_table(str(path))
    assert [(column.name, column.values) for column in table.columns] == [("a", [1]), ("b", [2])]


def test_windows_code_page(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes("a,b\n2.31 ± 0.02,x\n".encode("cp1252"))
    assert open_table(str(path)).columns[0].values == [(2.31, 0.02)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04", "an archive or Excel workbook; save the table as CSV"),
        (b"PAR1", "a Parquet file; write it as CSV or JSON"),
        (b"\x1f\x8b", "compressed; unpack it first"),
        (b"a\x00b", "a binary file; expected CSV, JSON or Markdown"),
        (b"SQLite format 3\x00", "not an Optuna storage"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_table(str(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv: cannot be read: No such file"):
        open_table(str(tmp_path / "none.csv"))


def test_a_run_directory_is_the_table_of_its_study(tmp_path: Path) -> None:
    """And a folder that is none is named as such."""
    with pytest.raises(InputError, match=r"is a folder without a study\.db, expected a table"):
        open_table(str(tmp_path))
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'study.db'}")
    study = optuna.create_study(storage=storage, study_name="one")
    study.add_trial(
        optuna.trial.create_trial(
            params={"lr": 0.5},
            distributions={"lr": optuna.distributions.FloatDistribution(0, 1)},
            value=2.0,
        )
    )
    assert 0.5 in {value for column in open_table(str(tmp_path)).columns for value in column.values}
