"""Headers over several lines, and rows with an index that has no name."""

from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.formats.delimited import read_delimited
from mutransfer_cli.fit.tables.formats.header_levels import (
    groups_joined,
    levels_joined,
    units_joined,
)

# pandas 3.1: frame.groupby(["width", "lr"])[["val_loss"]].agg(["mean", "std", "count"]).to_csv()
GROUPED = """,,val_loss,val_loss,val_loss
,,mean,std,count
width,lr,,,
256,0.001,4.09,0.009,2
512,0.001,3.87,0.004,2
"""
# pandas 3.1: print(frame)
PRINTED = """    width     lr  loss
0     256  0.001  4.09
1     512  0.001  3.87
"""
# R 4: write.table(frame, sep=",")
OF_R = """"width","lr","loss"
"1",256,0.001,4.09
"2",512,0.001,3.87
"""


def test_levels_are_joined() -> None:
    table = read_delimited("runs.csv", GROUPED)
    assert table.names == ["width", "lr", "val_loss_mean", "val_loss_std", "count"]
    assert table.columns[2].values == [4.09, 3.87]
    assert table.positions == ["runs.csv:4", "runs.csv:5"]


@pytest.mark.parametrize("text", [PRINTED, OF_R])
def test_an_index_without_a_name(text: str) -> None:
    table = read_delimited("runs.txt", text)
    assert table.names == ["", "width", "lr", "loss"]
    assert table.columns[1].values == [256.0, 512.0]


@pytest.mark.parametrize(
    "rows",
    [
        "256,0.001,4.09\n512,0.001,3,87\n",
        "1,024,0.001,4.09\n2,048,0.001,3.87\n",  # separators of thousands
        "256,0.001,0,4.09\n512,0.001,0,3.87\n",  # no numbers of rows
    ],
)
def test_rows_that_are_too_long_are_refused(rows: str) -> None:
    with pytest.raises(InputError, match="4 cells under 3 names"):
        read_delimited("runs.csv", f"width,lr,loss\n{rows}")


def test_one_line_and_words_below_it_are_left() -> None:
    names = ["width", "lr", "state"]
    records = [(2, ["64", "0.1", "finished"])]
    assert levels_joined(names, records) == (names, records)
    words = [(2, ["a", "b", ""]), (3, ["64", "0.1", "x"])]
    assert levels_joined(names, words) == (names, words)


def test_any_rows_are_taken() -> None:
    rng = np.random.default_rng(0)
    cells = ["", "a", "1", "nan"]
    for _ in range(200):
        rows = [(i, [cells[k] for k in rng.integers(0, 4, 3)]) for i in range(rng.integers(0, 5))]
        names, records = levels_joined([cells[k] for k in rng.integers(0, 4, 3)], rows)
        assert len(names) == 3 and len(records) <= len(rows)


def test_a_line_of_units_belongs_to_the_names() -> None:
    table = read_delimited("r.csv", "width,lr,tokens,loss\n[-],,[B],[nats]\n64,.1,2,3\n")
    assert table.names == ["width", "lr", "tokens [B]", "loss [nats]"]
    assert table.positions == ["r.csv:3"]


@pytest.mark.parametrize("cells", [["64", "(0.1)", "3"], ["a", "[B]", "c"], ["", "-", ""], ["[B]"]])
def test_a_line_of_values_is_no_line_of_units(cells: list[str]) -> None:
    """The control."""
    names, records = ["width", "lr", "loss"], [(2, cells)]
    assert units_joined(names, records) == (names, records)


@pytest.mark.parametrize(
    ("header", "below", "names"),
    [
        ("model,,training,result", "width,depth,lr,loss", "width,depth,lr,loss"),
        (",,loss,", "width,lr,mean,std", "width,lr,loss_mean,loss_std"),
        ("width,lr,loss,", ",,train,val", "width,lr,loss_train,loss_val"),
        ("model,training,train,val", "width,lr,loss,loss", "width,lr,train_loss,val_loss"),
    ],
)
def test_names_below_those_of_groups(header: str, below: str, names: str) -> None:
    """The controls: a run, words of a run that failed, and columns without a group."""
    records = [(3, ["64", "0.1", "3.1", "3.2"])]
    joined, rows = groups_joined(header.split(","), [(2, below.split(",")), *records])
    assert (",".join(joined), rows) == (names, records)
    for cells in (records[0][1], ["", "", "", "OOM"], ["a", "b", "c", "d"], ["", "", "x", ""]):
        assert groups_joined(header.split(","), [(2, cells)]) == (header.split(","), [(2, cells)])
