"""Sizes and rates that stand in the names of runs, or in the title of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.number_table import read_numbers
from mutransfer_cli.fit.tables.table_runs import TableRuns, read_runs

# An export of W&B with the name of each run and its loss alone.
NAMES = (
    '"Name","eval/loss"\n'
    '"Net-768x3_16-2048_8nodes_lr1e-03_x","3.9"\n"Net-768x3_16-2048_8nodes_lr5e-04_x","4.1"\n'
    '"Net-1536x50_4-2048_8nodes_lr1e-03_x","3.3"\n"Net-1536x50_4-2048_8nodes_lr5e-04_x","3.2"\n'
)
SETTINGS = ("width=Name~#x,depth=Name~x#,lr=Name~lr#",)


def read(folder: Path, text: str, *columns: str) -> TableRuns:
    path = folder / "runs.csv"
    path.write_text(text)
    return read_runs(str(path), columns=columns)


def test_names_of_runs_say_sizes_and_rates(tmp_path: Path) -> None:
    found = read(tmp_path, NAMES, *SETTINGS).observations
    assert [(o.size("width"), o.size("depth"), o.lr, o.loss) for o in found] == [
        (768, 3, 1e-3, 3.9), (768, 3, 5e-4, 4.1), (1536, 50, 1e-3, 3.3), (1536, 50, 5e-4, 3.2)
    ]  # fmt: skip


def test_a_refusal_names_what_is_lacking_also_where_all_names_say_the_same(
    tmp_path: Path,
) -> None:
    """A hint for the depth alone led to itself again."""
    text = "Model,LR,loss\n" + "".join(f'"d=512, L={n}",0.1,3.{n}\n' for n in (4, 8))
    with pytest.raises(InputError, match="'width=Model~d=#,depth=Model~L=#'"):
        read(tmp_path, text)
    found = read(tmp_path, text, "width=Model~d=#,depth=Model~L=#").observations
    assert [(o.size("width"), o.size("depth")) for o in found] == [(512, 4), (512, 8)]


def test_a_refusal_says_the_options_that_read_the_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'width'; Name states it") as error:
        read(tmp_path, NAMES)
    options = str(error.value).rpartition("pass --columns ")[2].strip("'").split(",")
    assert sorted(options) == sorted(SETTINGS[0].split(","))
    assert len(read(tmp_path, NAMES, ",".join(options)).observations) == 4


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("iso-1e+18-d512-L6-B128", "d#", "512"),
        ("iso-1e+18-d512-L6-B128", "-L#", "6"),
        ("w64_lr3e-4_b32", "lr#", "3e-4"),
        ("mlr9_lr0.01", "lr#", "0.01"),  # a word begins where no letter precedes
        ("lr=2.5e-05,wd=0.1", "wd=#", "0.1"),
    ],
)
def test_a_pattern_finds_its_number(tmp_path: Path, name: str, pattern: str, expected: str) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(f'run,loss\n"{name}",2.5\n')
    found = read_numbers(str(path), ("loss", "lr"), columns=[f"lr=run~{pattern}"])
    assert found.columns["lr"] == (float(expected),)


def test_a_pattern_without_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cell of Name has a number as in 'beta#'"):
        read(tmp_path, NAMES, "width=Name~#x", "lr=Name~beta#")
    with pytest.raises(InputError, match="has no column 'Title'"):
        read(tmp_path, NAMES, "width=Title~#x")
    with pytest.raises(InputError, match="expected one #"):
        read(tmp_path, NAMES, "width=Name~#x#")


def test_all_runs_may_have_one_size(tmp_path: Path) -> None:
    text = "LR,Ours val loss\n1e-3,3.1\n2e-3,3.0\n"
    with pytest.raises(InputError, match="or width=NUMBER if all runs have one"):
        read(tmp_path, text)
    found = read(tmp_path, text, "width=256").observations
    assert [(o.size("width"), o.lr) for o in found] == [(256, 1e-3), (256, 2e-3)]
    with pytest.raises(InputError, match="has no column 'foo'"):  # a word is no size
        read(tmp_path, text, "width=foo")


def test_a_column_with_a_number_for_its_name_is_no_constant(tmp_path: Path) -> None:
    found = read(tmp_path, "256,lr,loss\n32,0.1,2.5\n64,0.1,2.4\n", "width=256").observations
    assert [o.size("width") for o in found] == [32, 64]


def test_a_table_without_rates_is_one_for_a_law(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a law of the loss in sizes needs none: mutransfer law"):
        read(tmp_path, "n_params,n_tokens,val_loss\n1000000,2000000,9\n2000000,2000000,8\n")
