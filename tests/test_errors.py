"""Error messages say what a value is, in words."""

from __future__ import annotations

from typing import Any

import pytest

from mutransfer_cli.errors import kind_of


@pytest.mark.parametrize(
    ("value", "words"),
    [(3, "an int"), (0.5, "a float"), (None, "None"), ({}, "a dict"), ((1,), "a tuple")],
)
def test_kind_of(value: Any, words: str) -> None:
    assert kind_of(value) == words
