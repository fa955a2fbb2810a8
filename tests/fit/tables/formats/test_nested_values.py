"""Dictionaries within rows."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.tables.formats.nested_values import dictionary, flat


def test_flat() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": {"value": {"e": 2}}}) == {"a.b.c": 1, "d.e": 2}
    assert flat({"a": '{"b": 1}', "c": "{no json}"}) == {"a.b": 1, "c": "{no json}"}


def test_dictionaries_of_json_and_python() -> None:
    assert dictionary('{"a": 1}') == {"a": 1}
    assert dictionary("{'a': nan, 'b': -inf, 'c': None}") == {"a": "nan", "b": "-inf", "c": None}
    with pytest.raises(ValueError, match="malformed"):
        dictionary("{a(): 1}")
