"""`--columns` and `--where`."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.columns.column_options import (
    ColumnOption,
    chosen_column,
    column_options,
    condition,
    nearest,
    rows_where,
)
from mutransfer_cli.fit.tables.content.cells import Spread
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn, table_of_records


@pytest.fixture
def table() -> RunTable:
    rows: list[dict[str, object]] = [
        {"d_model": 64, "Eval Loss": 2.5, "optimizer": "adamw", "x, y": 1, "ld": -3},
        {"d_model": 128, "Eval Loss": None, "optimizer": "Muon", "x, y": 2, "ld": -2},
    ]
    return table_of_records("f", rows, ["f:2", "f:3"], "f:1")


def test_options_are_parsed() -> None:
    assert column_options(["width=d_model,loss=eval/loss", "a=x, y"]) == (
        ColumnOption("width", "d_model"),
        ColumnOption("loss", "eval/loss"),
        ColumnOption("a", "x, y"),
    )
    for text in ("width", "=d", "width="):
        with pytest.raises(InputError, match="expected NAME=COLUMN, such as"):
            column_options([text])
    with pytest.raises(InputError, match="lr is named twice"):
        column_options(["lr=a,lr=b"])


@pytest.mark.parametrize(
    ("name", "index"), [("d_model", 0), ("eval loss", 1), ("eval/loss", 1), ("#3", 2), ("x, y", 3)]
)
def test_a_column_is_named(table: RunTable, name: str, index: int) -> None:
    assert chosen_column(table, ColumnOption("a", name))[0] == index


def test_logarithms_are_undone(table: RunTable) -> None:
    _, column = chosen_column(table, ColumnOption("lr", "10^ld"))
    assert column.values == pytest.approx([1e-3, 1e-2])


def test_a_name_that_states_a_logarithm_or_a_unit_counts_also_when_it_is_given() -> None:
    """10^-3 and 10^-2; 60 million. A plain name changes nothing."""
    rows: list[dict[str, object]] = [
        {"log10_lr": -3, "Model Size (M)": 60, "d": 1},
        {"log10_lr": -2, "Model Size (M)": 120, "d": 2},
    ]
    table = table_of_records("f", rows, ["f:2", "f:3"], "f:1")
    _, rate = chosen_column(table, ColumnOption("lr", "log10_lr"))
    _, size = chosen_column(table, ColumnOption("params", "Model Size (M)"))
    _, plain = chosen_column(table, ColumnOption("width", "d"))
    assert rate.values == pytest.approx([1e-3, 1e-2])
    assert size.values == pytest.approx([60e6, 120e6])
    assert plain.values == [1, 2]


def test_an_unknown_column(table: RunTable) -> None:
    with pytest.raises(
        InputError, match=r"--columns a=d_modl: f has no column 'd_modl'; nearest: d_m"
    ):
        chosen_column(table, ColumnOption("a", "d_modl"))
    assert nearest(table, "zzz") == "found d_model, Eval Loss, optimizer, x, y, ld"


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("d_model>64", ["f:3"]),
        ("width<=64", ["f:2"]),
        ("optimizer=muon", ["f:3"]),
        ("optimizer!=muon", ["f:2"]),
        ("eval/loss>0", ["f:2"]),  # a missing cell satisfies nothing
        ("d_model>=6.4e1", ["f:2", "f:3"]),
    ],
)
def test_conditions(table: RunTable, text: str, positions: list[str]) -> None:
    some = rows_where(table, [condition(text)])
    assert some.positions == positions
    assert len(some.ignored) == 2 - len(positions)


def test_wrong_conditions(table: RunTable) -> None:
    for text in ("optimizer", "optimizer>adamw", "a="):
        with pytest.raises(InputError, match="expected a condition such as"):
            condition(text)
    with pytest.raises(InputError, match="no row satisfies --where"):
        rows_where(table, [condition("d_model>999")])
    with pytest.raises(InputError, match="no column 'depth'"):
        rows_where(table, [condition("depth=3")])


def test_a_maximized_column_becomes_a_loss() -> None:
    """1 - 0.75 and 1 - (0.5 ± 0.02); -0.75; a column that is named like a difference is itself."""
    rows: list[dict[str, object]] = [
        {"acc": "0.75", "1-acc": 7},
        {"acc": "0.5 ± 0.02", "1-acc": 8},
    ]
    table = table_of_records("f", rows, ["f:2", "f:3"], "f:1")
    _, column = chosen_column(table, ColumnOption("loss", "100 - acc"))
    assert column.name == "100 - acc" and column.values == [99.25, Spread(99.5, 0.02)]
    index, column = chosen_column(table, ColumnOption("loss", "-acc"))
    assert index == 0 and column.values == [-0.75, Spread(-0.5, 0.02)]
    assert chosen_column(table, ColumnOption("loss", "1-acc"))[1].values == [7, 8]
    with pytest.raises(InputError, match="no column 'ac'; nearest: acc"):
        chosen_column(table, ColumnOption("loss", "1-ac"))


def test_a_perplexity_becomes_a_loss() -> None:
    """e^3 ± .1 e^3 is 3 ± .1; nothing has the logarithm of 0."""
    cells = [f"{math.e**3:.6f}", f"{math.e**3:.6f} ± {0.1 * math.e**3:.6f}", "0", "nan", "OOM"]
    names = [f"f:{i}" for i in range(5)]
    table = RunTable("f", "f:1", (TableColumn("val ppl", list(cells)),), names)
    _, column = chosen_column(table, ColumnOption("loss", "log(val ppl)"))
    first, second, third, fourth, last = column.values
    assert first == pytest.approx(3) and second == pytest.approx((3, 0.1))
    assert isinstance(third, float) and math.isnan(third)
    assert isinstance(fourth, float) and math.isnan(fourth) and last == "OOM"
    assert column.name == "log(val ppl)"
