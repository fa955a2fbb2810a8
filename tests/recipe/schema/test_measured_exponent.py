"""The exponent of the embedding's rate: a number, or the run in which `fit` measured it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mutransfer_cli.errors import InputError
from mutransfer_cli.recipe.load import loads

RECIPE = """
name: embedding
model: {{build: gpt, args: {{head_dim: 8}}}}
data: {{source: stdlib}}
base: {{width: 16}}
rules: {{embedding: measured, embedding_exponent: {exponent}}}
"""
RULE = {"exponent": {"value": -0.31, "low": -0.5, "high": -0.1}, "verdict": "neither"}


def load(exponent: object) -> float | None:
    return loads(RECIPE.format(exponent=exponent)).recipe.rules.embedding_exponent


def test_exponent_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "fit.json").write_text(json.dumps({"embedding_rule": RULE}))
    assert load(tmp_path) == load(tmp_path / "fit.json") == -0.31
    assert load(-0.25) == -0.25


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"embedding_rule": null}', "do not vary lr_factors.embedding over the width"),
        ("{}", "no document of `mutransfer fit`"),
        ("[1]", "no document of `mutransfer fit`"),
        ("{", "no document of `mutransfer fit`"),
        ('{"embedding_rule": {"exponent": {"value": 7.0}}}', "7"),  # beyond 2
    ],
)
def test_a_run_without_an_exponent_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load(tmp_path)


def test_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a run directory that `mutransfer fit` has read"):
        load(tmp_path / "absent")
