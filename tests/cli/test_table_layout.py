"""Tables at several widths: no line is longer, and every number is there as it is."""

from __future__ import annotations

import pytest

from mutransfer_cli.cli.terminal.table_layout import table_lines

COLUMNS = ("hyperparameter", "value", "drift per doubling of width", "cost of half", "takes")
ROWS = (
    ("lr", "0.009809 (0.00843 to 0.0121)", "-0.10 (-0.13 to -0.03)", "1.83%", "recipe, run"),
    ("weight_decay", "0.4944", "-", "1.23% (0.60 to 2.61%)", "a table of runs made elsewhere"),
)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_longer_and_no_number_is_cut(width: int) -> None:
    lines = table_lines(COLUMNS, ROWS, width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).replace(",", "").split()
    for row in ROWS:
        for cell in row:
            for word in cell.replace(",", "").split():
                assert word in words


@pytest.mark.parametrize("width", [60, 80, 100])
def test_an_interval_stays_in_one_line(width: int) -> None:
    text = "\n".join(table_lines(COLUMNS, ROWS, width))
    assert "(-0.13 to -0.03)" in text and "(0.60 to 2.61%)" in text


def test_a_wide_line_has_every_row_in_one() -> None:
    """Natural widths 14, 28, 27, 21 and 30 with gaps and indent of two: 130 characters."""
    assert len(table_lines(COLUMNS, ROWS, 130)) == 2 + len(ROWS)
    assert len(table_lines(COLUMNS, ROWS, 129)) > 2 + len(ROWS)


def test_numbers_are_right_aligned_and_words_left_aligned() -> None:
    lines = table_lines(("name", "value", "what"), (("a", "1", "x y"), ("b", "100", "z")), 80)
    assert lines == [
        "  name  value  what",
        "  ────  ─────  ────",
        "  a         1  x y",
        "  b       100  z",
    ]


def test_a_long_name_has_a_line_of_its_own() -> None:
    name = "blocks.*.attention.qkv.weight"
    lines = table_lines(("tensor", "a", "b"), ((name, "1.234e-05", "5.678e-05"),), 44)
    assert f"  {name}" in lines
    assert lines[-1].split() == ["1.234e-05", "5.678e-05"]


def test_a_word_that_is_too_long_is_not_cut() -> None:
    path = "/a" * 60
    assert path in "".join(table_lines(("path", "n"), ((path, "1"),), 40))


def test_a_size_keeps_its_name_where_rows_are_lists() -> None:
    """A bare 16 does not say of what; the name of a tensor does."""
    cells = ("0.009809 (0.00843 to 0.0121)", "-0.10 (-0.13 to -0.03)", "1.83% (0.60 to 2.61%)")
    for first, line in (("16", "  width 16"), ("head.weight", "  head.weight")):
        assert line in table_lines(("width", "a", "b", "c"), ((first, *cells),), 30)
