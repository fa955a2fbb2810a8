from __future__ import annotations

import numpy as np
import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.fit.law.conditions import parse_conditions, rows_that_meet

COLUMNS = {"params": np.array([1e8, 4e8, 1e9]), "tokens": np.array([1e9, 1e10, np.nan])}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("params>4e8", [False, False, True]),
        ("params >= 4e8 and tokens<=1e10", [False, True, False]),
        ("params!=4e8", [True, False, True]),
        ("params=4e8", [False, True, False]),
        ("tokens>0", [True, True, False]),  # a missing number meets no condition
    ],
)
def test_rows(text: str, rows: list[bool]) -> None:
    assert rows_that_meet(parse_conditions(text, "--hold-out"), COLUMNS).tolist() == rows


@pytest.mark.parametrize("text", ["", "params", "params>", ">3", "params>x", "params=big"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(InputError, match="--hold-out"):
        parse_conditions(text, "--hold-out")


def test_nothing_is_evaluated() -> None:
    with pytest.raises(InputError):
        parse_conditions("__import__('os').getcwd()", "--hold-out")
