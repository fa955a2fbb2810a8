"""Types of recipe fields: what they accept, and the one line with which they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mutransfer_cli.catalog.fields import (
    Betas,
    Fraction,
    Momentum,
    Natural,
    NonNegative,
    Positive,
    PositiveNumber,
    Switch,
    Text,
    show,
)

GOOD = [
    (Positive, 2e10, 20_000_000_000),
    (Natural, 0, 0),
    (PositiveNumber, 1, 1.0),
    (NonNegative, 0, 0.0),
    (Fraction, 1, 1.0),
    (Betas, [0.9, 0.95], (0.9, 0.95)),
    (Switch, True, True),
]
BAD = [
    (Positive, 1.5, "expected an integer, found 1.5"),
    (Positive, True, "expected an integer, found true"),
    (Positive, "1", "expected an integer, found '1'"),
    (Positive, 0, "greater than or equal to 1"),
    (Natural, -1, "greater than or equal to 0"),
    (PositiveNumber, 0, "greater than 0"),
    (PositiveNumber, None, "expected a number, found null"),
    (PositiveNumber, int("9" * 400), "expected a finite number"),
    (NonNegative, float("nan"), "expected a finite number, found nan"),
    (Fraction, 1.1, "less than or equal to 1"),
    (Momentum, 1.0, "less than 1"),
    (Betas, [0.9], "expected two numbers in brackets, found a list"),
    (Switch, 1, "valid boolean"),
    (Text, "", "at least 1 character"),
]


@pytest.mark.parametrize(("kind", "value", "found"), GOOD)
def test_accepted(kind: Any, value: Any, found: Any) -> None:
    result = TypeAdapter(kind).validate_python(value)
    assert result == found and type(result) is type(found)


@pytest.mark.parametrize(("kind", "value", "line"), BAD)
def test_refused(kind: Any, value: Any, line: str) -> None:
    with pytest.raises(ValidationError, match=line):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), ({}, "{}"), ({"a": 1}, "a mapping"), ([], "[]"),
        ((1,), "a list"), ("a", "'a'"),
        ("x" * 99, "'" + 56 * "x" + "..."),
    ],
)  # fmt: skip
def test_values_as_the_recipe_has_them(value: Any, text: str) -> None:
    assert show(value) == text


def test_numbers_too_long_for_text() -> None:
    assert show(10**5000) == "a number of thousands of digits"
