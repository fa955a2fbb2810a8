"""Placeholders in a command."""

from __future__ import annotations

from mutransfer_cli.recipe.load import loads
from mutransfer_cli.recipe.placeholders import (
    fill_placeholders,
    hyperparameter_arguments,
    placeholders_in,
    split_command,
)
from tests.helpers.recipes import GOOD


def test_words_are_split_before_they_are_filled() -> None:
    words = split_command("a {out} 'b {width}' {\"x\": 1}")
    values = {"out": "/a b; rm", "width": "{out}"}
    assert [fill_placeholders(word, values) for word in words] == [
        "a",
        "/a b; rm",
        "b {out}",
        "{x:",
        "1}",
    ]
    assert placeholders_in("{a} {b.c} {} {1} {{d}}") == ["a", "b.c", "d"]


def test_values_are_written_to_the_last_digit() -> None:
    values = hyperparameter_arguments(loads(GOOD.replace("0.01", "0.1234567890123456")).recipe)
    assert values["lr"] == "0.1234567890123456" and values["eps"] == "1e-08"
    assert "clip" not in values  # null
