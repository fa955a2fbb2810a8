"""JSON in all the shapes of tables."""

from __future__ import annotations

import math

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.tables.formats.json_table import read_json_table

ROWS = {"a": [1.0, 2.0], "b": ["x", "y"]}


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]',
        '{"data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}',
        '{"info": "sweep", "runs": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}',
        '{"a": [1, 2], "b": ["x", "y"]}',
        '{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}',
        '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}',
        '{"0": {"a": 1, "b": "x"}, "1": {"a": 2, "b": "y"}}',
        '{"run-1": {"a": 1, "b": "x"}, "run-2": {"a": 2, "b": "y"}}',
        '[["a", "b"], [1, "x"], [2, "y"]]',
        '{"schema": {"fields": []}, "data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}',
        '{"a": 1, "b": "x"}\n\n{"a": 2, "b": "y"}\n',
    ],
)
def test_shapes(text: str) -> None:
    table = read_json_table("f", text)
    assert {column.name: column.values for column in table.columns} == ROWS


def test_lines_of_rows() -> None:
    text = '[\n  {"a": 1,\n   "b": 2},\n  {"a": 3}\n]'
    assert read_json_table("f", text).positions == ["f:2", "f:4"]
    assert read_json_table("f", '{"a": 1}\n\n{"a": 2}').positions == ["f:1", "f:3"]


def test_nested_values() -> None:
    text = """[{"config": {"lr": {"value": 0.1, "desc": null}, "m": {"d": 64}},
      "summaryMetrics": "{\\"loss\\": 2.5}", "betas": [0.9, 0.95],
      "data": {"params": [{"key": "wd", "value": "0.1"}]}, "x": NaN, "flag": true}]"""
    table = read_json_table("f", text)
    found = {column.name: column.values[0] for column in table.columns}
    x = found.pop("x")
    assert isinstance(x, float) and math.isnan(x)
    assert found == {
        "config.lr": 0.1,
        "config.m.d": 64,
        "summaryMetrics.loss": 2.5,
        "betas": "[0.9, 0.95]",
        "data.params.wd": 0.1,
        "flag": "True",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}, {"a": 2', "f:1: not JSON"),
        ('{"a": 1}\n{"a": \n{"a": 3}\n', "f:2: not JSON"),
        ('[{"a": 1}, 2]', "expected an object for each run"),
        ('{"a": 1}', "f: not a table; expected a list of objects"),
        ('{"a": [1, 2], "b": [1]}', "columns of different lengths: a 2, b 1"),
        ('[{"a": 1, "a": 2}]', "the key 'a' twice"),
        ("[]", "f: holds no runs"),
    ],
)
def test_what_is_no_table(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_json_table("f", text)


def test_an_incomplete_last_line_is_ignored() -> None:
    table = read_json_table("f", '{"a": 1}\n{"a": 2}\n{"a": ')
    assert table.positions == ["f:1", "f:2"]
    assert [row.position for row in table.ignored] == ["f:3"]


@pytest.mark.parametrize("wrap", ["{}", "[{}]", '{{"width": 64}}\n{}'])
def test_a_number_without_an_end(wrap: str) -> None:
    """Neither Python's advice to lift its limit, nor minutes of conversion."""
    digits = "9" * 3_000_000
    with pytest.raises(InputError, match="a number of 3000000 digits, expected at most") as error:
        read_json_table("runs.json", wrap.format(f'{{"width": {digits}}}'))
    assert "sys." not in str(error.value)
    assert read_json_table("runs.json", f'[{{"width": {"9" * 300}}}]')  # the control
