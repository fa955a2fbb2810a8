"""Text with delimiters."""

from __future__ import annotations

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.content.cells import Value
from mutransfer_cli.fit.tables.formats.delimited import delimiter_of, read_delimited


def values(text: str) -> dict[str, list[Value]]:
    return {column.name: column.values for column in read_delimited("f", text).columns}


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a\tb\n1,5\t2,5\n", "\t"),
        ("a;b;c\n1,5;2;x,y\n", ";"),
        ("a|b\n1|2\n", "|"),
        ("a   b\n1   2\n", " "),
        ('"a;b",c\n"1;2",3\n', ","),
        ("# x;y;z;w\na,b\n1,2\n", ","),
    ],
)
def test_the_delimiter(text: str, delimiter: str) -> None:
    assert delimiter_of(text.splitlines()) == delimiter


def test_lines_of_rows() -> None:
    """Comments and line breaks within quotes count."""
    text = '# c\n\na,b\n# c\n1,"x\ny\n# no comment"\n2,z\n\n3,w\n'
    table = read_delimited("f", text)
    assert table.header == "f:3"
    assert table.positions == ["f:5", "f:8", "f:10"]
    assert table.columns[1].cells[0] == "x\ny\n# no comment"


def test_files_that_were_joined() -> None:
    """`cat a.csv b.csv` repeats the header; other text in its place is kept, and refused later."""
    table = read_delimited("f", "a,b\n1,2\na, b\n3,4\n")
    assert table.positions == ["f:2", "f:4"]
    assert [row.position for row in table.ignored] == ["f:3"]
    assert values("a,b\n1,2\nb,a\n") == {"a": [1, "b"], "b": [2, "a"]}


def test_a_header_in_a_comment() -> None:
    """As `numpy.savetxt` writes it."""
    assert values("# other\n# a b\n1 2\n3 4\n") == {"a": [1, 3], "b": [2, 4]}
    with pytest.raises(InputError, match="f:1: the first row holds no names"):
        values("1,2\n3,4\n")


def test_decimal_commas() -> None:
    assert values("a;b\n1,5;2\n2,25;3\n") == {"a": [1.5, 2.25], "b": [2, 3]}
    # three decimals could be thousands: with semicolons they are decimals, with tabs thousands
    assert values("a;b\n2,125;x\n3,250;y\n")["a"] == [2.125, 3.25]
    assert values("a\tb\n2,125\tx\n3,250\ty\n")["a"] == [2125, 3250]
    # unless a decimal point beside them settles it
    assert values("a;b\n2,125;0.5\n3,250;0.25\n")["a"] == [2125, 3250]
    with pytest.raises(InputError, match=r"both decimal commas \('2,31'\) and decimal points"):
        values("a;b\n2,31;0.5\n")


def test_dictionaries_in_cells() -> None:
    text = "s,n\n\"{'loss': nan, 'm': {'d': 64}}\",a\n\"{'loss': 2.5, 'm': {'d': 128}}\",b\n"
    found = values(text)
    assert found["s.m.d"] == [64, 128]
    assert found["s.loss"][1] == 2.5
    assert values("s,n\n{braces},a\n{x},b\n")["s"] == ["{braces}", "{x}"]


def test_no_rows() -> None:
    with pytest.raises(InputError, match="f: holds no runs"):
        values("a,b\n")
    with pytest.raises(
        InputError, match="f: holds no table; expected a header such as width,lr,loss"
    ):
        values("\n# comment\n")
