"""Tables whose runs come from different code or data."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.run_columns import read_columns
from mutransfer_cli.fit.tables.columns.code_and_data import is_code
from mutransfer_cli.fit.tables.content.run_table import TableColumn
from mutransfer_cli.fit.tables.table_runs import read_runs

WIDTHS, RATES = (64, 128, 256), (0.001, 0.002, 0.004)


def write(path: Path, name: str, values: dict[int, tuple[str, ...]]) -> str:
    """A table with a column whose values are those of each width, in turn."""
    rows = [
        f"{width},{lr},{values[width][i % len(values[width])]},{3 - i / 10}"
        for width in WIDTHS
        for i, lr in enumerate(RATES)
    ]
    path.write_text("\n".join([f"width,lr,{name},loss", *rows]) + "\n")
    return str(path)


@pytest.mark.parametrize(
    "values",
    [
        {64: ("c4",), 128: ("c4",), 256: ("fineweb",)},
        dict.fromkeys(WIDTHS, ("c4", "fineweb", "c4")),
    ],
)
@pytest.mark.parametrize("name", ["dataset", "config.train_data", "Corpus"])
def test_different_data_are_refused(
    tmp_path: Path, name: str, values: dict[int, tuple[str, ...]]
) -> None:
    path = write(tmp_path / "runs.csv", name, values)
    for read in (read_runs, read_columns):
        with pytest.raises(InputError, match="losses on different data cannot be compared"):
            read(path)
    assert len(read_runs(path, where=[f"{name}=c4"]).observations) == 6
    assert len(read_runs(path, columns=[f"ignore={name}"]).observations) == 9


def test_one_data_set_is_no_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", "dataset", dict.fromkeys(WIDTHS, ("c4",)))
    assert read_runs(path).understanding.notes == ()


def test_code_that_differs_between_rungs_is_told(tmp_path: Path) -> None:
    path = write(
        tmp_path / "runs.csv", "git_commit", {64: ("ab1",), 128: ("ab1", "cd2"), 256: ("ef3",)}
    )
    note = "git_commit differs between rungs: an effect of the code cannot be told from that of"
    assert any(note in n for n in read_runs(path).understanding.notes)
    assert any(note in n for n in read_columns(path).notes)


def test_code_that_differs_inside_rungs_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", "Commit", dict.fromkeys(WIDTHS, ("ab1", "cd2")))
    notes = read_runs(path).understanding.notes
    assert notes == ("the runs were made with 2 versions of the code (Commit)",)


@pytest.mark.parametrize("name", ["commit", "git.commit", "tags.mlflow.source.git.commit", "git"])
def test_columns_of_code(name: str) -> None:
    assert is_code(TableColumn(name, ["ab1"]))


@pytest.mark.parametrize("name", ["digit", "shape", "version", "loss"])
def test_other_columns(name: str) -> None:
    assert not is_code(TableColumn(name, ["ab1"]))
