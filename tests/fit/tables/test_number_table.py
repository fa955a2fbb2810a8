"""Named columns of numbers for laws."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.number_table import NumberTable, read_numbers


def read(folder: Path, text: str, required: Any, **options: Any) -> NumberTable:
    path = folder / "runs.csv"
    path.write_text(text)
    return read_numbers(str(path), required, **options)


def test_roles_and_own_names(tmp_path: Path) -> None:
    text = (
        "N,C,loss,ratio,name\n125M,1e18,3.1,20,a\n350M,2e18,2.9,,b\n1B,3e18,nan,20,c\n2B,,2.5,1,d\n"
    )
    table = read(tmp_path, text, ["params", ("tokens", "flops"), "loss"])
    assert table.columns["params"] == (1.25e8, 3.5e8)
    assert table.columns["flops"] == (1e18, 2e18)
    assert table.columns["loss"] == (3.1, 2.9)
    first, second = table.columns["ratio"]
    assert first == 20 and math.isnan(second)
    assert [row.reason for row in table.understanding.rows] == ["diverged", "no flops"]
    assert table.understanding.line == (
        "params from N, flops from C, loss and ratio by name; ignored: name (identity)"
    )
    assert table.rows("params>2e8") == [False, True]
    with pytest.raises(InputError, match=r"--hold-out width>1: no column 'width'; found params"):
        table.rows("width>1")


def test_any_column_can_be_required(tmp_path: Path) -> None:
    table = read(tmp_path, "Foo Bar,loss\n1,2\n3,4\n", ["foo_bar", "loss"])
    assert table.columns["foo_bar"] == (1, 3)
    table = read(tmp_path, "x,loss\n1,2\n3,4\n", ["params"], columns=["params=x"])
    assert table.columns["params"] == (1, 3)


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"runs\.csv:1: no column 'params'; found width, loss"):
        read(tmp_path, "width,loss\n64,2.5\n", ["params", "loss"])
    with pytest.raises(
        InputError, match=r"runs\.csv:2: params: expected a positive number, found 'x'"
    ):
        read(tmp_path, "params,loss\nx,2.5\n", ["params", "loss"])
    with pytest.raises(InputError, match="no run has all required numbers: diverged and no params"):
        read(tmp_path, "params,loss\n1,nan\n,2\n", ["params", "loss"])


def test_published_points_are_read_as_they_are() -> None:
    """The layout of the points that Epoch AI read off the Chinchilla paper."""
    path = Path(__file__).with_name("examples") / "pandas_index.csv"
    assert read_numbers(str(path), ["lr", "loss"]).positions[0].endswith("pandas_index.csv:3")


def test_choices_that_the_rows_mix_are_told(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    rows = [f"{n},{flag},{3 - n / 10}" for n in (1, 2, 4) for flag in ("True", "False")]
    path.write_text("\n".join(["params,lr_ablation,loss", *rows]) + "\n")
    note = (
        "runs differ in lr_ablation ('True' or 'False'); pick one with --where 'lr_ablation=True'"
    )
    assert read_numbers(str(path), ["loss"]).understanding.notes == (note,)
    # the control: of one choice nothing is said
    one = read_numbers(str(path), ["loss"], where=["lr_ablation=True"])
    assert one.understanding.notes == ()


def test_a_table_of_logged_steps_is_refused(tmp_path: Path) -> None:
    """Three rows for each of two runs; with steps of its own for each run it is read."""
    rows = [(n, s) for n in (1e8, 2e8) for s in (100, 200, 300)]
    text = "N,D,step,loss\n" + "".join(f"{n},1e9,{s},{3 - s / 1e3}\n" for n, s in rows)
    with pytest.raises(InputError, match="several rows for each run; take the last with --where"):
        read(tmp_path, text, ["params", "loss"])
    with pytest.raises(InputError, match="take the last with --where '_step=300'"):
        read(tmp_path, text.replace("step", "_step"), ["params", "loss"])
    last = "N,D,step,loss\n1e8,1e9,300,2.7\n2e8,1e9,500,2.6\n4e8,1e9,900,2.5\n"
    assert len(read(tmp_path, last, ["params", "loss"]).positions) == 3


def test_a_table_of_compute_alone_has_choices_too(tmp_path: Path) -> None:
    """Words beside FLOPs: two runs of equal compute differ in them; and beside the loss alone."""
    text = "C,loss,arch\n" + "".join(f"{c}e18,{3 - c / 9},{a}\n" for c in (1, 2) for a in "ab")
    notes = read(tmp_path, text, ["flops", "loss"]).understanding.notes
    assert any("runs differ in arch ('a' or 'b')" in note for note in notes)
    nothing = "loss,arch\n" + "".join(f"{3 - c / 9},{a}\n" for c in (1, 2) for a in "ab")
    assert len(read(tmp_path, nothing, ["loss"]).positions) == 4
