"""Tables in Markdown."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.formats.markdown_table import is_markdown, read_markdown

TABLE = "text\n\n| a | b |\n|---|:-:|\n| 1 | **2,5** |\n| 3 | `4` |\n"


def test_cells_and_lines() -> None:
    table = read_markdown("f", TABLE)
    assert [(c.name, c.values) for c in table.columns] == [("a", [1, 3]), ("b", [2.5, 4])]
    assert (table.header, table.positions) == ("f:3", ["f:5", "f:6"])


def test_without_outer_bars_and_with_escapes() -> None:
    table = read_markdown("f", "a | b\n--|--\nx\\|y | 2\n")
    assert [column.cells[0] for column in table.columns] == ["x|y", "2"]


def test_mathematics_is_read_as_in_latex() -> None:
    table = read_markdown(
        "f", "| $d_{model}$ | LR ($\\times 10^{-3}$) |\n|-|-|\n| 8 | $2^{-3}$ |\n"
    )
    assert table.names == ["d_model", "LR (× 10^-3)"]
    assert table.columns[1].values == [0.125]


def test_tables_with_one_header_are_joined() -> None:
    assert read_markdown("f", TABLE + "\nmore\n\n" + TABLE).positions[-1] == "f:15"
    with pytest.raises(InputError, match=r"two tables with different columns \(lines 3 and 8\)"):
        read_markdown("f", TABLE + "\n| c |\n|---|\n| 1 |\n")


def test_a_second_line_of_names() -> None:
    """A first `loss` was taken, of training, beside that of validation."""
    table = read_markdown(
        "f", "| width | lr | loss | |\n|-|-|-|-|\n| | | train | val |\n|8|1|3|4|\n"
    )
    assert table.names == ["width", "lr", "loss_train", "loss_val"]
    assert table.positions == ["f:4"]


def test_what_is_no_table() -> None:
    assert is_markdown(TABLE.splitlines())
    assert not is_markdown(["a|b", "1|2", "---", "a,b"])
    with pytest.raises(InputError, match="f: holds no runs"):
        read_markdown("f", "| a |\n|---|\n")


@pytest.mark.parametrize(
    "text",
    [
        "+-------+------+\n| width | loss |\n+=======+======+\n|   64  | 3.1  |\n+-------+------+\n"
        "|  128  | 2.9  |\n+-------+------+\n",
        "┏━━━━━━━┳━━━━━━┓\n┃ width ┃ loss ┃\n┡━━━━━━━╇━━━━━━┩\n│ 64    │ 3.1  │\n│ 128   │ 2.9  │\n"
        "└───────┴──────┘\n",
        "| width | loss |\n|-------+------|\n| 64 | 3.1 |\n| 128 | 2.9 |\n",
    ],
    ids=["database", "rich", "org"],
)
def test_tables_that_consoles_draw(text: str) -> None:
    table = read_markdown("runs.txt", text)
    assert table.names == ["width", "loss"]
    assert [column.values for column in table.columns] == [[64.0, 128.0], [3.1, 2.9]]


def test_sums_and_ranges_are_no_borders() -> None:
    """The control: CSV with signs of its own is no drawn table."""
    assert not is_markdown(["a|b", "1|2"]) and not is_markdown(["width,lr", "+1,-2", "--"])
