"""Tokens from a column of tokens for each parameter."""

from __future__ import annotations

import pytest

from mutransfer_cli.fit.tables.columns.size_ratios import is_ratio, with_tokens
from mutransfer_cli.fit.tables.content.run_table import RunTable, TableColumn


def table(**columns: list[object]) -> RunTable:
    named = tuple(TableColumn(name.replace("_over_", "/"), c) for name, c in columns.items())
    return RunTable("runs.csv", "runs.csv:1", named, ["runs.csv:2", "runs.csv:3"])


@pytest.mark.parametrize(
    "name", ["D/N", "tokens/param", "tokens_per_param", "tokens per parameter", "TPP",
             "token-to-parameter ratio"],
)  # fmt: skip
def test_names_of_the_ratio(name: str) -> None:
    assert is_ratio(name)


@pytest.mark.parametrize("name", ["N", "D", "N/D", "tokens", "loss/tokens", "tokens_per_second"])
def test_other_names(name: str) -> None:
    assert not is_ratio(name)


def test_tokens_follow_from_both() -> None:
    """20 tokens for each of 125 million parameters: 2.5 billion; a missing cell stays missing."""
    found = with_tokens(table(N=["125M", "1e9"], D_over_N=["20", ""], loss=["3.1", "2.5"]))
    assert found.names == ["N", "loss", "tokens"]
    assert found.columns[-1].values == [2.5e9, None]
    assert found.notes == ("tokens = D/N · N",)


def test_what_has_tokens_already_stays_as_it_is() -> None:
    for columns in ({"N": ["1e9"], "D": ["2e9"], "D_over_N": ["2"]}, {"D_over_N": ["2"]}):
        own = table(**columns)  # type: ignore[arg-type]  # lists of texts are lists of objects
        assert with_tokens(own) is own
